/* SPDX-License-Identifier: Apache-2.0 */
/* See process_command.h. */
#include "kernel/process/process_command.h"

#include <string.h>

#include "core/command.h"

static void argument_fill(struct command *command, const char *text, size_t length)
{
	if (length > NAME_LEN - 1)
		length = NAME_LEN - 1;
	memset(command->argument, 0, sizeof(command->argument));
	memcpy(command->argument, text, length);
}

static void argument_take(struct command *command)
{
	command_look(command);
	if (command->todo == TODO_OPTION)
		command_option(command);
	if (command->todo == TODO_PATH)
		command_choose(command);
	else if (command->todo == TODO_MODULE)
		command_choose_module(command);
	else if (command->todo == TODO_APPLICATION)
		command_application(command);
	command_keep(command);
}

static void folders_ask(struct command *command, const char *folder)
{
	const char *end = folder + strlen(folder), *begin;

	for (int i = 0; i < COMMAND_FOLDERS && end > folder && !command->keep_end; i++) {
		begin = end;
		while (begin > folder && begin[-1] != '/')
			begin--;
		argument_fill(command, begin, (size_t)(end - begin));
		command_folder(command);
		end = begin > folder ? begin - 1 : begin;
	}
	command_keep(command);
}

bool process_command_has(const char *executable)
{
	struct command command;

	argument_fill(&command, executable, strlen(executable));
	command_begin(&command);
	return command.interpreter != INTERPRETER_NONE;
}

bool process_command_find(const char *executable, const char *arguments, size_t size,
	const char *folder, char name[NAME_LEN])
{
	const char *end = arguments + size;
	struct command command;

	argument_fill(&command, executable, strlen(executable));
	command_begin(&command);
	for (int pieces = 0; pieces < COMMAND_PIECES && arguments < end; pieces++) {
		size_t length = strnlen(arguments, (size_t)(end - arguments));

		if (command.state == COMMAND_OVER)
			break;
		argument_fill(&command, arguments, length);
		argument_take(&command);
		pieces += (int)(length / (NAME_LEN - 1));
		arguments += length + 1;
	}
	if (command.needs_folder)
		folders_ask(&command, folder);
	command_end(&command);
	memset(name, 0, NAME_LEN);
	memcpy(name, command.name, strlen(command.name));
	return name[0] != '\0';
}
