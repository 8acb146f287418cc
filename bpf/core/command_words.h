/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command-line rule (command.h): the words that it knows, and what is known of a command line
 * while it is looked at.
 */
#ifndef SONDE_COMMAND_WORDS_H
#define SONDE_COMMAND_WORDS_H

#include "record.h"

#ifndef __VMLINUX_H__
#	include <stdbool.h>
#endif

#define COMMAND_INLINE static inline __attribute__((always_inline))

#define COMMAND_PIECES  256 /* of arguments that are looked at, of 255 bytes each */
#define COMMAND_FOLDERS 4   /* from the working directory up */

#define WORD_LEN 16 /* of words that mean something; of longer ones it is the beginning */

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
	UWSGI,                /* the server is the executable, and options name what it serves */
	INTERPRETERS_MAX = 16 /* a power of two */
};

enum command_state {
	COMMAND_OPTIONS,     /* options, or the program */
	COMMAND_VALUE,       /* the value of an option */
	COMMAND_PROGRAM,     /* the program, whatever it looks like */
	COMMAND_MODULE,      /* the same, in words with points between */
	COMMAND_LAUNCHED,    /* the program launches another one, which is still to come */
	COMMAND_APPLICATION, /* the same, whatever it looks like */
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
	__u32 is_told;      /* the argument is an application, whatever it looks like */
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
	{"uwsgi", UWSGI, 0}, {"uwsgi-core", UWSGI, 0}, {"uwsgi_python", UWSGI, 0},
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
	{"--module", UWSGI, OPTION_MODULE}, {"--wsgi", UWSGI, OPTION_MODULE},
	{"--wsgi-file", UWSGI, OPTION_NAMES}, {"--ini", UWSGI, OPTION_NAMES},
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
	[UWSGI] = {.modules = LETTER('w')},
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
	{"waitress-serve", 0, PART_LAUNCHER}, {"flask", 0, PART_LAUNCHER},
	{"celery", 0, PART_LAUNCHER}, {"npx", 0, PART_LAUNCHER}, {"npx-cli", 0, PART_LAUNCHER},
	{"uwsgi", 0, PART_GENERAL},
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

#endif
