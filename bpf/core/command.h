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

#include "record.h"

#ifndef __VMLINUX_H__
#	include <stdbool.h>
#endif

#define COMMAND_INLINE static inline __attribute__((always_inline))

#define COMMAND_PIECES  256 /* of arguments that are looked at, of 255 bytes each */
#define COMMAND_FOLDERS 4   /* from the working directory up */

#define WORD_LEN                                                                                   \
	16 /* of words that mean something, their longest; of longer ones the beginning            \
	    */

enum interpreter {
	INTERPRETER_NONE,
	PYTHON,
	SHELL,
	NODE,
	PERL,
	RUBY,
	PHP,
	LUA,
	TCL,
	JULIA,
	R,
	JAVA,
	DOTNET,
	DENO,
	MONO,
	INTERPRETERS_MAX = 16 /* a power of two */
};

enum command_state {
	COMMAND_OPTIONS,  /* options, or the program */
	COMMAND_VALUE,    /* the value of an option */
	COMMAND_PROGRAM,  /* the program, whatever it looks like */
	COMMAND_MODULE,   /* the same, in words with points between */
	COMMAND_LAUNCHED, /* the program launches another one, which is still to come */
	COMMAND_OVER
};

/* What is next to be done with an argument. */
enum command_todo { TODO_NOTHING, TODO_OPTION, TODO_PATH, TODO_MODULE, TODO_APPLICATION };

struct command {
	char argument[NAME_LEN];  /* the one to be looked at, which the caller fills in */
	char name[NAME_LEN];      /* "": none */
	__u64 word[WORD_LEN / 8]; /* of whatever is compared just now */
	__u32 interpreter;
	__u32 state;
	__u32 needs_folder; /* the name says too little: the working directory may say more */
	/*
	 * While an argument is looked through. Volatile: the verifier follows what is in a register
	 * from one character to the next, each value by itself, and not what is in memory.
	 */
	volatile __u32 begin, used;    /* of a part, its beginning, and bytes of the word */
	volatile __u32 is_stem;        /* the word goes on, up to the first point */
	volatile __u32 digits, others; /* of the word; the latter are none of a hash or UUID */
	volatile __u32 best, best_end; /* the last part that says something; the end is 0: none */
	volatile __u32 at, end, colon, is_path;
	volatile __u64 ending;
	volatile __u32 from;           /* where the program begins in the argument */
	volatile __u32 keep, keep_end; /* what becomes the name; the end is 0: nothing */
	volatile __u32 meaning;        /* enum part_meaning */
	__u32 todo;                    /* enum command_todo */
};

struct command_word {
	char text[WORD_LEN] __attribute__((aligned(8)));
	__u32 interpreter;
	__u32 meaning;
};

/* clang-format off */

/* By the name of the executable, without the version behind it. */
static const struct command_word command_interpreters[] = {
	{"python", PYTHON, 0}, {"pypy", PYTHON, 0}, {"sh", SHELL, 0}, {"bash", SHELL, 0},
	{"dash", SHELL, 0}, {"ash", SHELL, 0}, {"zsh", SHELL, 0}, {"ksh", SHELL, 0},
	{"mksh", SHELL, 0}, {"fish", SHELL, 0}, {"node", NODE, 0}, {"nodejs", NODE, 0},
	{"perl", PERL, 0}, {"ruby", RUBY, 0}, {"php", PHP, 0}, {"lua", LUA, 0},
	{"luajit", LUA, 0}, {"tclsh", TCL, 0}, {"wish", TCL, 0}, {"expect", TCL, 0},
	{"julia", JULIA, 0}, {"R", R, 0}, {"java", JAVA, 0}, {"dotnet", DOTNET, 0},
	{"deno", DENO, 0}, {"bun", DENO, 0}, {"mono", MONO, 0}, {"mono-sgen", MONO, 0},
};

/* clang-format on */

enum option_meaning {
	OPTION_STOPS, /* code follows, or input is read: no program */
	OPTION_TAKES, /* the next argument, unless its value stands behind a `=` */
	OPTION_NAMES, /* the program */
	OPTION_MODULE /* the program, by words with points between */
};

/* clang-format off */

/* Options that are words. All others of two dashes take nothing. */
static const struct command_word command_options[] = {
	{"--check-hash-bas", PYTHON, OPTION_TAKES},
	{"--rcfile", SHELL, OPTION_TAKES}, {"--init-file", SHELL, OPTION_TAKES},
	{"--command", SHELL, OPTION_STOPS},
	{"--eval", NODE, OPTION_STOPS}, {"--print", NODE, OPTION_STOPS},
	{"--require", NODE, OPTION_TAKES}, {"--import", NODE, OPTION_TAKES},
	{"--loader", NODE, OPTION_TAKES}, {"--experimental-l", NODE, OPTION_TAKES},
	{"--conditions", NODE, OPTION_TAKES}, {"--env-file", NODE, OPTION_TAKES},
	{"--run", PHP, OPTION_STOPS}, {"--file", PHP, OPTION_NAMES},
	{"--define", PHP, OPTION_TAKES}, {"--php-ini", PHP, OPTION_TAKES},
	{"--server", PHP, OPTION_TAKES}, {"--docroot", PHP, OPTION_TAKES},
	{"--eval", JULIA, OPTION_STOPS}, {"--print", JULIA, OPTION_STOPS},
	{"--load", JULIA, OPTION_TAKES}, {"--threads", JULIA, OPTION_TAKES},
	{"--file", R, OPTION_NAMES}, {"--args", R, OPTION_STOPS},
	{"-jar", JAVA, OPTION_NAMES}, {"-cp", JAVA, OPTION_TAKES},
	{"-classpath", JAVA, OPTION_TAKES}, {"--class-path", JAVA, OPTION_TAKES},
	{"-p", JAVA, OPTION_TAKES}, {"--module-path", JAVA, OPTION_TAKES},
	{"-m", JAVA, OPTION_MODULE}, {"--module", JAVA, OPTION_MODULE},
	{"--add-modules", JAVA, OPTION_TAKES}, {"--add-opens", JAVA, OPTION_TAKES},
	{"--add-exports", JAVA, OPTION_TAKES}, {"--add-reads", JAVA, OPTION_TAKES},
	{"--patch-module", JAVA, OPTION_TAKES}, {"--limit-modules", JAVA, OPTION_TAKES},
	{"--upgrade-module", JAVA, OPTION_TAKES}, {"--source", JAVA, OPTION_TAKES},
	{"--additionalprob", DOTNET, OPTION_TAKES}, {"--additional-dep", DOTNET, OPTION_TAKES},
	{"--depsfile", DOTNET, OPTION_TAKES}, {"--runtimeconfig", DOTNET, OPTION_TAKES},
	{"--fx-version", DOTNET, OPTION_TAKES}, {"--roll-forward", DOTNET, OPTION_TAKES},
	{"--eval", DENO, OPTION_STOPS}, {"--print", DENO, OPTION_STOPS},
	{"--config", DENO, OPTION_TAKES}, {"--import-map", DENO, OPTION_TAKES},
	{"--preload", DENO, OPTION_TAKES}, {"--cwd", DENO, OPTION_TAKES},
};

/* clang-format on */

/* What options of one letter mean; several may stand together. None: there are only words. */
struct command_letters {
	__u64 stops, takes, names, modules;
	__u64 rests; /* the rest of the argument is theirs */
};

#define LETTER(c) (1ULL << ((c) >= 'a' ? (c) - 'a' : (c) - 'A' + 26))

static const struct command_letters command_letters[INTERPRETERS_MAX] = {
	[PYTHON] = {.stops = LETTER('c'),
		.takes = LETTER('W') | LETTER('X') | LETTER('Q'),
		.modules = LETTER('m')},
	[SHELL] = {.stops = LETTER('c') | LETTER('s'), .takes = LETTER('o') | LETTER('O')},
	[NODE] = {.stops = LETTER('e') | LETTER('p'), .takes = LETTER('r') | LETTER('C')},
	[PERL] = {.stops = LETTER('e') | LETTER('E'),
		.takes = LETTER('I'),
		.rests = LETTER('M') | LETTER('m') | LETTER('F') | LETTER('i') | LETTER('x') |
			 LETTER('D') | LETTER('C') | LETTER('V')},
	[RUBY] = {.stops = LETTER('e'),
		.takes = LETTER('I') | LETTER('r') | LETTER('C') | LETTER('E'),
		.rests = LETTER('x') | LETTER('K') | LETTER('W') | LETTER('T') | LETTER('i') |
			 LETTER('F')},
	[PHP] = {.stops = LETTER('r') | LETTER('R') | LETTER('B'),
		.takes = LETTER('d') | LETTER('c') | LETTER('S') | LETTER('t') | LETTER('z'),
		.names = LETTER('f') | LETTER('F')},
	[LUA] = {.takes = LETTER('e') | LETTER('l')},
	[TCL] = {.takes = LETTER('c'), .names = LETTER('f') | LETTER('b')},
	[JULIA] = {.stops = LETTER('e') | LETTER('E'),
		.takes = LETTER('t') | LETTER('p') | LETTER('J') | LETTER('L') | LETTER('C') |
			 LETTER('H')},
	[R] = {.stops = LETTER('e'), .takes = LETTER('g'), .names = LETTER('f')},
	[DENO] = {.stops = LETTER('e') | LETTER('p'), .takes = LETTER('c') | LETTER('r')},
};

enum part_meaning {
	PART_GENERAL,  /* says nothing of what a program is */
	PART_LAUNCHER, /* executes an application that one of its arguments names */
	PART_TELLS     /* says what program it is */
};

/* clang-format off */

/* Names of files, without what is behind the first point, and of folders. */
static const struct command_word command_parts[] = {
	{"main", 0, PART_GENERAL}, {"__main__", 0, PART_GENERAL}, {"__init__", 0, PART_GENERAL},
	{"app", 0, PART_GENERAL}, {"application", 0, PART_GENERAL}, {"index", 0, PART_GENERAL},
	{"server", 0, PART_GENERAL}, {"manage", 0, PART_GENERAL}, {"run", 0, PART_GENERAL},
	{"start", 0, PART_GENERAL}, {"init", 0, PART_GENERAL}, {"wsgi", 0, PART_GENERAL},
	{"asgi", 0, PART_GENERAL}, {"cli", 0, PART_GENERAL}, {"entrypoint", 0, PART_GENERAL},
	{"bootstrap", 0, PART_GENERAL}, {"script", 0, PART_GENERAL}, {"", 0, PART_GENERAL},
	{"src", 0, PART_GENERAL}, {"bin", 0, PART_GENERAL}, {"sbin", 0, PART_GENERAL},
	{"lib", 0, PART_GENERAL}, {"libexec", 0, PART_GENERAL}, {"dist", 0, PART_GENERAL},
	{"build", 0, PART_GENERAL}, {"out", 0, PART_GENERAL}, {"target", 0, PART_GENERAL},
	{"current", 0, PART_GENERAL}, {"releases", 0, PART_GENERAL}, {"code", 0, PART_GENERAL},
	{"workspace", 0, PART_GENERAL}, {"scripts", 0, PART_GENERAL}, {"public", 0, PART_GENERAL},
	{"apps", 0, PART_GENERAL}, {"service", 0, PART_GENERAL}, {"services", 0, PART_GENERAL},
	{"usr", 0, PART_GENERAL}, {"local", 0, PART_GENERAL}, {"opt", 0, PART_GENERAL},
	{"srv", 0, PART_GENERAL}, {"var", 0, PART_GENERAL}, {"www", 0, PART_GENERAL},
	{"html", 0, PART_GENERAL}, {"home", 0, PART_GENERAL}, {"root", 0, PART_GENERAL},
	{"etc", 0, PART_GENERAL}, {"tmp", 0, PART_GENERAL}, {"share", 0, PART_GENERAL},
	{"gunicorn", 0, PART_LAUNCHER}, {"uvicorn", 0, PART_LAUNCHER},
	{"hypercorn", 0, PART_LAUNCHER}, {"daphne", 0, PART_LAUNCHER},
	{"waitress-serve", 0, PART_LAUNCHER},
};

/* clang-format on */

#define WSGI_REST ('s' << 8 | 'g' << 16 | 'i' << 24) /* of `wsgi`, `asgi` */

#define COMMAND_WORDS(table) (sizeof(table) / sizeof(*(table)))

/* Index of the word in a table, or -1. */
#define COMMAND_FIND(command, table, is_for)                                                       \
	({                                                                                         \
		int found_ = -1;                                                                   \
		for (unsigned i_ = 0; i_ < COMMAND_WORDS(table); i_++) {                           \
			const __u64 *word_ = (const __u64 *)(table)[i_].text;                      \
			if (word_[0] == (command)->word[0] && word_[1] == (command)->word[1] &&    \
				(is_for)) {                                                        \
				found_ = (int)i_;                                                  \
				break;                                                             \
			}                                                                          \
		}                                                                                  \
		found_;                                                                            \
	})

COMMAND_INLINE bool command_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

COMMAND_INLINE bool command_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

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

/* --- parts of a path, or of a module's name --- */

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
	if (!command_is_letter(command->argument[0]))
		return;
	command->end = command->colon = 0;
	command->best_end = 0;
	part_begin(command, 0);
	EACH_CHARACTER(command, application_character)
	/* without a colon it is one only if it says so */
	if (!command->end || (!command->colon && ((command->word[0] != ('w' | WSGI_REST) &&
							  command->word[0] != ('a' | WSGI_REST)) ||
							 !command->begin)))
		return;
	command->state = COMMAND_OVER;
	if (command->best_end)
		keep(command, command->best, command->best_end);
	else
		command->needs_folder = 1;
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
	case COMMAND_MODULE: command->todo = TODO_MODULE; return;
	case COMMAND_LAUNCHED: command->todo = TODO_APPLICATION; return;
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
	else
		command->todo = is_path ? TODO_PATH : TODO_MODULE;
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
		else if (value)
			command->todo = meaning == OPTION_NAMES ? TODO_PATH : TODO_MODULE;
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
