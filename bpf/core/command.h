/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command-line rule: what an interpreter was told to execute. `python3 /srv/orders.py` is
 * "orders.py", `java -jar shop-1.2.jar` is "shop-1.2.jar", `python3 -m http.server` is
 * "http.server". Code on the command line (`sh -c`), standard input and a prompt have no name, and
 * the interpreter keeps its own.
 *
 * One argument after the other is looked at, and no more than its beginning, until the program is
 * found: command_begin(); for each argument command_look(), then what `todo` says, then
 * command_keep(); and where a name says too little (`main.py`, `app.jar`), and no folder of its
 * path says more, command_folder() for the working directory and those around it. What looks like
 * data
 * (`20240101.sh`, `tmp81734.sh`) is no name.
 *
 * Used by the probe at exec (command.bpf.h) and by the daemon for processes that were there before
 * (process_command.c), so that both give the same name. Arguments are a program's own: all is
 * bounded, and what is not part of the name is not kept.
 */
#ifndef SONDE_COMMAND_H
#define SONDE_COMMAND_H

#include "core/command_part.h"

/* Takes the argument, the executable's file name, as an interpreter or not. */
COMMAND_INLINE void command_begin(struct command *command)
{
	char *word = (char *)command->word;
	bool is_version = false;
	int known;

	command->name[0] = 0;
	command->interpreter = INTERPRETER_NONE;
	command->state = COMMAND_OVER;
	command->keep_end = 0;
	command->needs_folder = 0;
	command->is_told = 0;
	command->word[0] = command->word[1] = 0;
	for (unsigned i = 0; i < 2 * WORD_LEN; i++) {
		char c = command->argument[i];

		if (!c)
			break;
		is_version |= command_is_digit(c);
		if (is_version && !command_is_digit(c) && c != '.')
			return;
		if (is_version)
			continue;
		if (i >= WORD_LEN)
			return;
		word[i & (WORD_LEN - 1)] = c;
	}
	known = COMMAND_FIND(command, command_interpreters, true);
	if (known < 0)
		return;
	command->interpreter = command_interpreters[known].interpreter;
	command->state = COMMAND_VALUE; /* the first argument says nothing */
}

/* --- one argument --- */

COMMAND_INLINE int command_end_character(struct command *command)
{
	char c = character_at(command, command->at);

	if (!c)
		return 1;
	if (c == '.' || c == '/')
		command->is_path = 1;
	command->ending = command->ending << 8 | (__u8)c;
	return 0;
}

/* The last characters of the argument, the last one lowest; and whether it looks like a path. */
COMMAND_INLINE __u64 argument_ending(struct command *command, bool *is_path)
{
	command->ending = command->is_path = 0;
	EACH_CHARACTER(command, end_character)
	*is_path = command->is_path;
	return command->ending;
}

#define ENDING(a, b, c, d) ((__u64)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* Of an argument that is no option: whether it is the program depends on the interpreter. */
COMMAND_INLINE void command_candidate(struct command *command)
{
	bool is_path;
	__u64 ending;

	command->todo = TODO_PATH;
	switch (command->interpreter) {
	case R: command->state = COMMAND_OVER; return;
	case UWSGI: command->todo = TODO_NOTHING; return; /* the value of any option */
	case JAVA: /* a file of arguments, a source file, or the main class */
		ending = argument_ending(command, &is_path) & 0xffffffffff;
		if (command->argument[0] == '@')
			command->todo = TODO_NOTHING;
		else if (ending != ((__u64)'.' << 32 | ENDING('j', 'a', 'v', 'a')))
			command->todo = TODO_MODULE;
		return;
	case DOTNET: /* `dotnet exec X.dll`; else it is a tool that starts others */
		ending = argument_ending(command, &is_path) & 0xffffffff;
		if (ending == ENDING('.', 'd', 'l', 'l') || ending == ENDING('.', 'e', 'x', 'e'))
			return;
		command->todo = TODO_NOTHING;
		if (ending != ENDING('e', 'x', 'e', 'c'))
			command->state = COMMAND_OVER;
		return;
	case DENO: /* `deno run X.ts`, `bun X.ts` */
		ending = argument_ending(command, &is_path);
		if (is_path)
			return;
		command->todo = TODO_NOTHING;
		if (ending != ((__u64)'r' << 16 | 'u' << 8 | 'n') &&
			ending != ((__u64)'s' << 32 | ENDING('e', 'r', 'v', 'e')))
			command->state = COMMAND_OVER;
		return;
	case NODE:
		ending = argument_ending(command, &is_path);
		if (!is_path && ending == ((__u64)'i' << 48 | (__u64)'n' << 40 | (__u64)'s' << 32 |
						  ENDING('p', 'e', 'c', 't')))
			command->todo = TODO_NOTHING;
		return;
	default: return;
	}
}

/* The argument is an application, for an option has said so. */
COMMAND_INLINE void command_told(struct command *command)
{
	command->is_told = 1;
	command->todo = TODO_APPLICATION;
}

COMMAND_INLINE void command_todo_module(struct command *command)
{
	if (command->interpreter == UWSGI)
		command_told(command);
	else
		command->todo = TODO_MODULE;
}

/*
 * `npx [options] package arguments`, where those of its options that have a value leave it open
 * what is launched; or a launcher of Python's: `flask --app orders run`, `celery -A orders worker`,
 * or what looks like an application.
 */
COMMAND_INLINE void command_launched(struct command *command)
{
	const char *text = command->argument;
	bool is_app = text[0] == '-' && text[1] == '-' && text[2] == 'a' && text[3] == 'p' &&
		      text[4] == 'p';

	if (command->interpreter == NODE) {
		if (text[0] != '-')
			command->todo = TODO_PATH;
		else if (text[1] == 'p' || text[1] == 'c' || (text[1] == '-' && text[2] == 'p'))
			command->state = COMMAND_OVER;
	} else if ((text[0] == '-' && text[1] == 'A' && !text[2]) || (is_app && !text[5])) {
		command->state = COMMAND_APPLICATION;
	} else if (is_app && text[5] == '=') {
		command->from = 6;
		command_told(command);
	} else {
		command->todo = TODO_APPLICATION;
	}
}

/* Looks at an argument, and says in `todo` what to do with it. */
COMMAND_INLINE void command_look(struct command *command)
{
	char first = command->argument[0], second = command->argument[1];

	command->todo = TODO_NOTHING;
	command->from = 0;
	switch (command->state) {
	case COMMAND_OPTIONS: break;
	case COMMAND_VALUE: command->state = COMMAND_OPTIONS; return;
	case COMMAND_PROGRAM: command->todo = TODO_PATH; return;
	case COMMAND_MODULE: command_todo_module(command); return;
	case COMMAND_LAUNCHED: command_launched(command); return;
	case COMMAND_APPLICATION: command_told(command); return;
	default: return;
	}
	if (!first || (first == '-' && !second))
		command->state = COMMAND_OVER; /* nothing, or standard input */
	else if (first == '-' && second == '-' && !command->argument[2])
		command->state = COMMAND_PROGRAM;
	else if (first == '-' || (first == '+' && command->interpreter == SHELL))
		command->todo = TODO_OPTION;
	else
		command_candidate(command);
}

/* One of the options of one letter. */
COMMAND_INLINE int command_letter(struct command *command)
{
	const struct command_letters *letters =
		&command_letters[command->interpreter & (INTERPRETERS_MAX - 1)];
	__u32 at = command->at;
	char c = character_at(command, at);
	bool is_last = !character_at(command, at + 1), is_path;
	__u64 letter;

	if (!c)
		return 1;
	if (!at || !command_is_letter(c) || c == '_')
		return 0;
	letter = LETTER(c);
	if (letters->rests & letter)
		return 1;
	if (letters->stops & letter) {
		command->state = COMMAND_OVER;
		return 1;
	}
	if (letters->takes & letter) {
		command->state = is_last ? COMMAND_VALUE : COMMAND_OPTIONS;
		return 1;
	}
	if (!((letters->names | letters->modules) & letter))
		return 0;
	is_path = letters->names & letter;
	command->from = at + 1;
	if (is_last)
		command->state = is_path ? COMMAND_PROGRAM : COMMAND_MODULE;
	else if (is_path)
		command->todo = TODO_PATH;
	else
		command_todo_module(command);
	return 1;
}

/* An option: what comes next, and in `todo` whether the program stands in it. */
COMMAND_INLINE void command_option(struct command *command)
{
	__u32 interpreter = command->interpreter, value;
	int known;

	command->todo = TODO_NOTHING;
	command->from = 0;
	command->word[0] = command->word[1] = 0;
	for (__u32 i = 0; i < 64; i++) {
		char c = command->argument[i];

		if (!c)
			break;
		if (c == '=') {
			command->from = i + 1;
			break;
		}
		if (i < WORD_LEN)
			((char *)command->word)[i] = c;
	}
	value = command->from;
	known = COMMAND_FIND(
		command, command_options, command_options[i_].interpreter == interpreter);
	if (known >= 0) {
		__u32 meaning = command_options[known].meaning;

		if (meaning == OPTION_STOPS)
			command->state = COMMAND_OVER;
		else if (meaning == OPTION_TAKES)
			command->state = value ? COMMAND_OPTIONS : COMMAND_VALUE;
		else if (value && meaning == OPTION_NAMES)
			command->todo = TODO_PATH;
		else if (value)
			command_todo_module(command);
		else
			command->state = meaning == OPTION_NAMES ? COMMAND_PROGRAM : COMMAND_MODULE;
		return;
	}
	if (command->argument[1] == '-')
		return;
	EACH_CHARACTER(command, letter)
}

/* The name of a folder, in the argument, in place of one that says too little. */
COMMAND_INLINE void command_folder(struct command *command)
{
	command->from = command->end = 0;
	part_begin(command, 0);
	EACH_CHARACTER(command, module_character)
	if (command->end && PART_MEANING(command) == PART_TELLS)
		keep(command, 0, command->end);
}

/* All that could be asked was: `.` alone is no name. */
COMMAND_INLINE void command_end(struct command *command)
{
	if (command->name[0] == '.' && !command->name[1])
		command->name[0] = 0;
}

#endif
