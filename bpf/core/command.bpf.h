/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The name that the command line gives to the process that has just executed a program (command.h).
 * Each step is a global function, so that the verifier goes through it once. Part of
 * workload.bpf.c.
 */
#ifndef SONDE_COMMAND_BPF_H
#define SONDE_COMMAND_BPF_H

#include "core/workload.bpf.h"

#define COMMAND_STEP(what)                                                                         \
	__noinline int command_step_##what(void)                                                   \
	{                                                                                          \
		struct workload_scratch *scratch = workload_scratch_get();                         \
                                                                                                   \
		return scratch ? command_##what(&scratch->command) : 1;                            \
	}

#define COMMAND_STEP_WITHOUT_RESULT(what)                                                          \
	__noinline int command_step_##what(void)                                                   \
	{                                                                                          \
		struct workload_scratch *scratch = workload_scratch_get();                         \
                                                                                                   \
		if (scratch)                                                                       \
			command_##what(&scratch->command);                                         \
		return 0;                                                                          \
	}

COMMAND_STEP(part)
COMMAND_STEP(keep_character)
COMMAND_STEP(path_character)
COMMAND_STEP(module_character)
COMMAND_STEP(application_character)
COMMAND_STEP(end_character)
COMMAND_STEP(letter)
COMMAND_STEP_WITHOUT_RESULT(begin)
COMMAND_STEP_WITHOUT_RESULT(look)
COMMAND_STEP_WITHOUT_RESULT(option)
COMMAND_STEP_WITHOUT_RESULT(choose)
COMMAND_STEP_WITHOUT_RESULT(choose_module)
COMMAND_STEP_WITHOUT_RESULT(application)
COMMAND_STEP_WITHOUT_RESULT(keep)
COMMAND_STEP_WITHOUT_RESULT(folder)

/* Looks at one piece of the arguments; returns 1 when there is nothing more to be found. */
__noinline int command_piece(void)
{
	struct workload_scratch *scratch = workload_scratch_get();
	bool is_rest;
	long length;

	if (!scratch || scratch->strings >= scratch->strings_end ||
		scratch->command.state == COMMAND_OVER)
		return 1;
	length = bpf_probe_read_user_str(
		scratch->command.argument, NAME_LEN, (void *)scratch->strings);
	if (length <= 0)
		return 1;
	is_rest = scratch->continued;
	scratch->continued = length == NAME_LEN;
	scratch->strings += length - scratch->continued;
	if (is_rest)
		return 0;
	command_step_look();
	if (scratch->command.todo == TODO_OPTION)
		command_step_option();
	if (scratch->command.todo == TODO_PATH)
		command_step_choose();
	else if (scratch->command.todo == TODO_MODULE)
		command_step_choose_module();
	else if (scratch->command.todo == TODO_APPLICATION)
		command_step_application();
	command_step_keep();
	return 0;
}

/* The working directory, or one around it, in place of a name that says too little. */
static __always_inline void command_ask_folders(
	struct task_struct *task, struct workload_scratch *scratch)
{
	struct dentry *folder = BPF_CORE_READ(task, fs, pwd.dentry);

	for (int i = 0; i < COMMAND_FOLDERS; i++) {
		if (bpf_probe_read_kernel_str(scratch->command.argument, NAME_LEN,
			    BPF_CORE_READ(folder, d_name.name)) <= 0)
			break;
		command_step_folder();
		if (scratch->command.keep_end)
			break;
		folder = BPF_CORE_READ(folder, d_parent);
	}
	command_step_keep();
}

/* For a process without a name: finds it in what it was told to execute. */
static __always_inline void name_from_command(
	struct task_struct *task, struct workload_scratch *scratch)
{
	struct command *command = &scratch->command;
	const void *executable = executable_name(task);

	if (bpf_probe_read_kernel_str(command->argument, NAME_LEN, executable) <= 0)
		return;
	command_step_begin();
	scratch->strings = BPF_CORE_READ(task, mm, arg_start);
	scratch->strings_end = BPF_CORE_READ(task, mm, arg_end);
	scratch->continued = 0;
	for (int i = 0; i < COMMAND_PIECES; i++)
		if (command_piece())
			break;
	if (command->needs_folder)
		command_ask_folders(task, scratch);
	command_end(command);
	if (!command->name[0])
		return;
	scratch->name.source = NAME_COMMAND;
	__builtin_memset(scratch->name.text, 0, NAME_LEN);
	bpf_probe_read_kernel_str(scratch->name.text, NAME_LEN, command->name);
}

#endif
