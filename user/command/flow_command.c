/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_command.h. */
#include "command/flow_command.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"
#include "export/flows/flow_answer.h"
#include "export/flows/flow_query.h"
#include "base/curl_api.h"
#include "export/server/pages.h"

#define DEFAULT_URL "http://127.0.0.1:9760"
#define TIMEOUT_MS  15000L /* the daemon gives up sooner, and says why */
#define URL_LEN     1024
#define FRAME_LINES                                                                                \
	4 /* above and below the rows: summary, header, what is left out, the cursor               \
	   */

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct command {
	const char *name;
	const char *server; /* URL */
	struct flow_query query;
	bool once;
};

/* --- flags --- */

static void print_help(const struct command *command)
{
	if (command->query.path == FLOW_PATH_FLOWS)
		puts("Usage: sonde flows [--by service|peer|process|namespace|owner|pod]\n"
		     "                   [--sort bytes|rate|retransmits|rtt] [--limit N]\n"
		     "                   [--once] [--url URL]\n"
		     "\n"
		     "Open TCP connections added up, as the Sonde at URL sees them; on a terminal "
		     "each\n"
		     "second anew, until Ctrl-C. Namespace, owner and pod are those of the local "
		     "end.\n");
	else
		puts("Usage: sonde connections [--json] [--sort bytes|rate|retransmits|rtt]\n"
		     "                         [--limit N] [--url URL]\n"
		     "\n"
		     "Each open TCP connection, as the Sonde at URL sees it: as a table, or with\n"
		     "--json as a line of JSON.\n");
	puts("  --sort   which come first: most bytes both ways (default), most of them per\n"
	     "           second now, most segments sent again, or longest round trip\n"
	     "  --limit  most rows\n"
	     "  --url    of the Sonde that is asked, default " DEFAULT_URL "\n"
	     "\n"
	     "Bytes are payload: TX/S and RX/S per second now, SENT and RCVD since a connection\n"
	     "began.");
}

static int fail_usage(const struct command *command, const char *flag, const char *reason)
{
	char shown[URL_LEN];

	utf8_copy(shown, sizeof(shown), flag, strlen(flag));
	fprintf(stderr, "sonde: %s%s; `sonde %s --help` lists the flags\n", shown, reason,
		command->name);
	return STATUS_USAGE;
}

/* Returns -1 to go on, or the exit status. */
static int read_flags(struct command *command, int argc, char *const *argv)
{
	static const struct option options[] = {{"sort", required_argument, NULL, 'p'},
		{"limit", required_argument, NULL, 'p'}, {"url", required_argument, NULL, 'u'},
		{"help", no_argument, NULL, 'h'}, {"by", required_argument, NULL, 'p'},
		{"once", no_argument, NULL, 'o'}, {"json", no_argument, NULL, 'j'}, {0}};
	bool is_flows = command->query.path == FLOW_PATH_FLOWS;
	char error[FLOW_QUERY_ERROR_LEN];
	int flag, index;

	opterr = 0;
	while ((flag = getopt_long(argc, argv, "+h", options, &index)) != -1) {
		if (flag == 'h') {
			print_help(command);
			return STATUS_OK;
		}
		if (flag == '?')
			return fail_usage(command, argv[optind - 1],
				": no such flag, or its value is missing");
		if ((flag == 'o' && !is_flows) || (flag == 'j' && is_flows))
			return fail_usage(
				command, argv[optind - 1], " is no flag of this subcommand");
		if (flag == 'p' &&
			!flow_query_set(&command->query, options[index].name, optarg, error))
			return fail_usage(command, "--", error);
		if (flag == 'u')
			command->server = optarg;
		command->once |= flag == 'o';
		if (flag == 'j')
			command->query.format = FLOW_FORMAT_JSON;
	}
	return optind < argc ? fail_usage(command, argv[optind], " belongs to no flag") : -1;
}

/* --- asking --- */

struct asking {
	CURL *easy;
	bool streams;    /* a good answer goes to standard output as it comes */
	bool wants_json; /* else text */
	bool is_sonde;   /* the answer says so */
	struct flow_answer answer;
};

/* That is no HTTP, or none that Sonde speaks. */
static bool curl_is_puzzled(CURLcode code)
{
	return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY ||
	       code == CURLE_GOT_NOTHING || code == CURLE_BAD_CONTENT_ENCODING;
}

static size_t on_header(char *data, size_t one, size_t size, void *context)
{
	static const char server[] = "Server: " PAGES_SERVER "\r\n";
	struct asking *asking = context;

	asking->is_sonde |= one * size == sizeof(server) - 1 &&
			    strncasecmp(data, server, sizeof(server) - 1) == 0;
	return one * size;
}

/* Of refusals the text is kept, whatever was asked for. */
static size_t on_body(char *data, size_t one, size_t size, void *context)
{
	struct asking *asking = context;
	struct flow_answer *answer = &asking->answer;
	long status = 0;

	curl.easy_getinfo(asking->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->is_json = status == 200 && asking->wants_json;
	answer->out = status == 200 && asking->streams ? stdout : NULL;
	return asking->is_sonde && flow_answer_take(answer, data, one * size) ? one * size : 0;
}

/* Says what went wrong with the request, if anything. */
static int judge(const struct command *command, struct asking *asking, CURLcode code)
{
	struct buffer *text = &asking->answer.text;
	char server[URL_LEN];
	long status = 0;

	curl.easy_getinfo(asking->easy, CURLINFO_RESPONSE_CODE, &status);
	utf8_copy(server, sizeof(server), command->server, strlen(command->server));
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
		fprintf(stderr, "sonde: no Sonde answers at %s: start it with `sonde run`\n",
			server);
	} else if (ferror(stdout)) {
		fprintf(stderr, "sonde: cannot write to standard output: %s\n", strerror(errno));
	} else if (code != CURLE_OK && code != CURLE_WRITE_ERROR && !curl_is_puzzled(code)) {
		fprintf(stderr, "sonde: %s: %s\n", server, curl.easy_strerror(code));
	} else if (code != CURLE_OK || !asking->is_sonde || !flow_answer_end(&asking->answer)) {
		fprintf(stderr, "sonde: whatever listens at %s is not Sonde\n", server);
	} else if (status != 200) {
		buffer_append(text, "", 1);
		fprintf(stderr, "sonde: %s answers %ld: %.*s\n", server, status,
			text->failed ? 0 : (int)strcspn(text->text, "\n"), text->text);
	} else {
		return STATUS_OK;
	}
	return STATUS_FAILED;
}

static int ask(const struct command *command, struct asking *asking)
{
	char url[URL_LEN] = "";

	flow_query_url(&command->query, command->server, url, sizeof(url));
	asking->answer.text.length = 0;
	asking->answer.bytes = 0;
	asking->is_sonde = false;
	asking->wants_json = command->query.path == FLOW_PATH_CONNECTIONS &&
			     command->query.format == FLOW_FORMAT_JSON;
	curl.easy_setopt(asking->easy, CURLOPT_URL, url);
	curl.easy_setopt(asking->easy, CURLOPT_PROXY, "");
	curl.easy_setopt(asking->easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl.easy_setopt(asking->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl.easy_setopt(asking->easy, CURLOPT_HEADERDATA, asking);
	curl.easy_setopt(asking->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl.easy_setopt(asking->easy, CURLOPT_WRITEDATA, asking);
	return judge(command, asking, curl.easy_perform(asking->easy));
}

/* --- showing --- */

static int show_once(const struct command *command, struct asking *asking)
{
	asking->streams = true;
	return ask(command, asking);
}

/* Over what the last one left, from the top of the screen, so that nothing flickers. */
static void draw(const struct buffer *text, bool is_first)
{
	fputs(is_first ? "\033[2J\033[H" : "\033[H", stdout);
	for (size_t i = 0; i < text->length; i++) {
		if (text->text[i] == '\n')
			fputs("\033[K", stdout);
		putchar(text->text[i]);
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

static int show_live(struct command *command, struct asking *asking)
{
	const struct timespec second = {.tv_sec = 1};
	unsigned limit = command->query.limit;
	struct winsize size;

	for (bool is_first = true;; is_first = false) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > FRAME_LINES) {
			unsigned room = size.ws_row - FRAME_LINES;

			command->query.columns = size.ws_col;
			command->query.limit = limit && limit < room ? limit : room;
		}
		int status = ask(command, asking);

		if (status != STATUS_OK)
			return status;
		draw(&asking->answer.text, is_first);
		nanosleep(&second, NULL);
	}
}

int flow_command_run(int argc, char *const *argv)
{
	struct command command = {.name = argv[0], .server = DEFAULT_URL};
	struct asking asking = {0};
	char path[32], error[256];
	int status;

	snprintf(path, sizeof(path), "/%s", command.name);
	flow_query_begin(&command.query, path);
	if (command.query.path == FLOW_PATH_CONNECTIONS)
		command.query.format = FLOW_FORMAT_TEXT;
	status = read_flags(&command, argc, argv);
	if (status >= 0)
		return status;
	if (curl_api_load(error, sizeof(error)) < 0) {
		fprintf(stderr, "sonde: %s\n", error);
		return STATUS_FAILED;
	}
	asking.easy = curl.easy_init();
	if (!asking.easy) {
		fprintf(stderr, "sonde: no memory\n");
		return STATUS_FAILED;
	}
	if (command.query.path == FLOW_PATH_FLOWS && !command.once && isatty(STDOUT_FILENO))
		status = show_live(&command, &asking);
	else
		status = show_once(&command, &asking);
	curl.easy_cleanup(asking.easy);
	buffer_free(&asking.answer.text);
	buffer_free(&asking.answer.line);
	return status;
}
