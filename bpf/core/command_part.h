/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command-line rule (command.h): the parts of a path, or of the name of a module: which of them
 * says what program it is.
 */
#ifndef SONDE_COMMAND_PART_H
#define SONDE_COMMAND_PART_H

#include "core/command_words.h"

COMMAND_INLINE void part_begin(struct command *command, __u32 at)
{
	command->begin = at;
	command->used = 0;
	command->is_stem = 1;
	command->word[0] = command->word[1] = 0;
	command->digits = command->others = 0;
}

COMMAND_INLINE void part_add(struct command *command, char c)
{
	if (c == '.' && command->used)
		command->is_stem = 0;
	if (command->is_stem) {
		if (command_is_digit(c))
			command->digits = command->digits + 1;
		else if (!(c >= 'a' && c <= 'f') && c != '-' && c != '_')
			command->others = 1;
		if (command->used < WORD_LEN)
			((char *)command->word)[command->used & (WORD_LEN - 1)] = c;
		command->used++;
	}
}

/* A number, a hash, a date, a UUID, or what is made for once. */
COMMAND_INLINE bool is_data(const struct command *command)
{
	const char *word = (const char *)command->word;

	if (word[0] == 't' && word[1] == 'm' && word[2] == 'p')
		return true;
	return command->digits && !command->others &&
	       (command->used >= 8 || command->used == command->digits);
}

/* What the part that was added says, which is in `meaning` then. */
COMMAND_INLINE int command_part(struct command *command)
{
	const char *word = (const char *)command->word;
	int known;

	command->meaning = PART_GENERAL;
	if (is_data(command) || (command->used == 1 && word[0] == '.'))
		return 0;
	known = COMMAND_FIND(command, command_parts, true);
	if (known < 0 || command->used > WORD_LEN)
		command->meaning = PART_TELLS;
	else
		command->meaning = command_parts[known].meaning;
	return 0;
}

/*
 * In the probe each of these is a function of its own, which the verifier goes through once and not
 * in each turn of a loop: command_step_part() for command_part().
 */
#ifdef __VMLINUX_H__
#	define COMMAND_STEPS(what) int command_step_##what(void)
#	define STEP(command, what) command_step_##what()
COMMAND_STEPS(part);
COMMAND_STEPS(keep_character);
COMMAND_STEPS(path_character);
COMMAND_STEPS(module_character);
COMMAND_STEPS(application_character);
COMMAND_STEPS(end_character);
COMMAND_STEPS(letter);
#else
#	define STEP(command, what) command_##what(command)
#endif

#define PART_MEANING(command) (STEP(command, part), (command)->meaning)

/* Takes a step for each character of the argument, until one returns something else than 0. */
#define EACH_CHARACTER(command, what)                                                              \
	for (__u32 i_ = 0; i_ < NAME_LEN; i_++) {                                                  \
		(command)->at = i_;                                                                \
		if (STEP(command, what))                                                           \
			break;                                                                     \
	}

COMMAND_INLINE char character_at(const struct command *command, __u32 at)
{
	return command->argument[at & (NAME_LEN - 1)];
}

COMMAND_INLINE void keep(struct command *command, __u32 begin, __u32 end)
{
	command->keep = begin;
	command->keep_end = end;
}

COMMAND_INLINE int command_keep_character(struct command *command)
{
	__u32 at = command->at;

	if (at < command->keep)
		return 0;
	if (at >= command->keep_end)
		return 1;
	command->name[command->used & (NAME_LEN - 1)] = character_at(command, at);
	command->used = command->used + 1;
	return 0;
}

/* Copies what was found, if anything, into the name. */
COMMAND_INLINE void command_keep(struct command *command)
{
	if (!command->keep_end)
		return;
	command->used = 0;
	EACH_CHARACTER(command, keep_character)
	command->name[command->used & (NAME_LEN - 1)] = 0;
	command->keep_end = 0;
}

COMMAND_INLINE void part_note(struct command *command)
{
	if (PART_MEANING(command) == PART_TELLS) {
		command->best = command->begin;
		command->best_end = command->at;
	}
}

COMMAND_INLINE int command_path_character(struct command *command)
{
	__u32 at = command->at;
	char c = character_at(command, at);

	if (at < command->from)
		return 0;
	if (!c) {
		command->end = at;
		return 1;
	}
	if (c != '/') {
		part_add(command, c);
		return 0;
	}
	part_note(command);
	part_begin(command, at + 1);
	return 0;
}

/*
 * Makes the name out of the program's path, which begins at `from` of the argument: the last part,
 * or the last one that says something.
 */
COMMAND_INLINE void command_choose(struct command *command)
{
	__u32 meaning, end;

	command->end = 0;
	command->state = COMMAND_OVER;
	command->best_end = 0;
	part_begin(command, command->from);
	EACH_CHARACTER(command, path_character)
	end = command->end;
	if (!end || end == NAME_LEN - 1 || command->begin == end || is_data(command))
		return; /* cut off, or a folder, or data */
	meaning = PART_MEANING(command);
	if (meaning == PART_GENERAL && command->best_end) {
		keep(command, command->best, command->best_end);
		return;
	}
	keep(command, command->begin, end);
	if (meaning == PART_LAUNCHER)
		command->state = COMMAND_LAUNCHED;
	command->needs_folder =
		meaning == PART_GENERAL && character_at(command, command->from) != '/';
}

COMMAND_INLINE int command_module_character(struct command *command)
{
	__u32 at = command->at;
	char c = character_at(command, at);

	if (at < command->from)
		return 0;
	if (!c || c == '/') {
		command->end = at;
		return 1;
	}
	part_add(command, c);
	return 0;
}

/* The same for words with points between, which are the name as they are, up to a `/`. */
COMMAND_INLINE void command_choose_module(struct command *command)
{
	__u32 end;

	command->end = 0;
	command->state = COMMAND_OVER;
	part_begin(command, command->from);
	EACH_CHARACTER(command, module_character)
	end = command->end;
	if (!end || end == NAME_LEN - 1)
		return;
	if (PART_MEANING(command) == PART_LAUNCHER && command->is_stem)
		command->state = COMMAND_LAUNCHED;
	keep(command, command->from, end);
}

COMMAND_INLINE int command_application_character(struct command *command)
{
	__u32 at = command->at;
	char c = character_at(command, at);

	if (at < command->from)
		return 0;
	if (!c || c == '(') {
		command->end = at;
		return 1;
	}
	if (command->colon)
		return !(command_is_letter(c) || (command_is_digit(c) && at > command->colon + 1));
	if (command_is_letter(c) || command_is_digit(c)) {
		part_add(command, c);
		return 0;
	}
	if (c != '.' && c != ':')
		return 1;
	part_note(command);
	if (c == ':')
		command->colon = at;
	else
		part_begin(command, at + 1);
	return 0;
}

/*
 * `orders.main:app` or `orders.wsgi`, which a launcher executes: the last word before the colon
 * that says something. Other arguments are passed over; they may be values of any option.
 */
COMMAND_INLINE void command_application(struct command *command)
{
	if (!command_is_letter(character_at(command, command->from)))
		return;
	command->end = command->colon = 0;
	command->best_end = 0;
	part_begin(command, command->from);
	EACH_CHARACTER(command, application_character)
	if (command->end && command->is_told && !command->colon && !command->best_end)
		part_note(command);
	/* without a colon it is one only if it says so */
	if (!command->end || (!command->colon && !command->is_told &&
				     ((command->word[0] != ('w' | WSGI_REST) &&
					      command->word[0] != ('a' | WSGI_REST)) ||
					     !command->begin)))
		return;
	command->state = COMMAND_OVER;
	if (command->best_end)
		keep(command, command->best, command->best_end);
	else
		command->needs_folder = 1;
}

#endif
