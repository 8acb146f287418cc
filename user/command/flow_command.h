/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sonde flows` and `sonde connections`: ask the Sonde that runs for its page of that name, by
 * HTTP, so that they need no privilege; the tables are the daemon's.
 */
#ifndef SONDE_FLOW_COMMAND_H
#define SONDE_FLOW_COMMAND_H

/* `argv` begins with the subcommand, "flows" or "connections". Returns the exit status. */
int flow_command_run(int argc, char *const *argv);

#endif
