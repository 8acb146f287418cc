/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 server or client whose bytes move through io_uring, for test_io_uring.py:
 *
 *   uring server MODE ADDRESS CONNECTIONS             serves so many connections to their end
 *   uring client MODE ADDRESS CONNECTIONS REQUESTS    makes so many requests on each at once
 *   uring modes                                       prints those that this kernel has
 *
 * ADDRESS is a TCP port of 127.0.0.1 or the path of a Unix socket.
 *
 * MODE says how bytes move. At its end it prints the truth: `METHOD STATUS REQUESTS` lines.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define ENTRIES         256
#define BODY_BYTES      1000
#define PIECES          3
#define BUFFERS         32  /* that the kernel chooses from; a power of two */
#define BUFFER_BYTES    512 /* less than a response has */

static const struct mode {
	const char *name;
	enum { BUFFER, MESSAGE, FILE_IO, VECTOR } by; /* recv, recvmsg, read, readv; and so on */
	unsigned setup;                               /* of the ring */
	unsigned flags;                               /* of each receive and send */
	bool linked;    /* the next receive is submitted along with each send */
	bool polled;    /* a receive is not tried before something is there */
	bool multishot; /* one receive goes on, into buffers that the kernel chooses */
	bool zero_copy; /* sends what stays where it is */
	bool fixed;     /* reads into registered memory, for which the kernel keeps pages only */
	bool eventfd;   /* waits in read(2) and not in io_uring_enter(2) */
	bool spinning;  /* waits in no call, so that the kernel receives where it interrupts that */
} modes[] = {
	{.name = "buffer", .by = BUFFER},
	{.name = "message", .by = MESSAGE},
	{.name = "file", .by = FILE_IO},
	{.name = "vector", .by = VECTOR},
	{.name = "sqpoll", .by = BUFFER, .setup = IORING_SETUP_SQPOLL},
	{.name = "worker", .by = BUFFER, .flags = IOSQE_ASYNC},
	{.name = "linked", .by = BUFFER, .linked = true},
	{.name = "polled", .by = BUFFER, .polled = true},
	{.name = "multishot", .by = BUFFER, .multishot = true},
	{.name = "registered", .by = BUFFER, .flags = IOSQE_FIXED_FILE},
	{.name = "zero-copy", .by = BUFFER, .zero_copy = true},
	{.name = "eventfd", .by = BUFFER, .eventfd = true},
	{.name = "spinning", .by = BUFFER, .spinning = true},
	{.name = "fixed", .by = FILE_IO, .fixed = true},
};

enum operation { ACCEPT, RECEIVE, SEND };

/* Pieces of one operation, which the kernel may read while it is under way. */
struct pieces {
	struct msghdr message;
	struct iovec list[PIECES];
};

struct connection {
	int fd;
	unsigned left;   /* client: requests to make */
	size_t received; /* bytes of `in` */
	size_t sending;  /* bytes of `out` */
	char method[8];  /* of the request that is open */
	struct pieces in_pieces, out_pieces;
	char in[8192], out[2048];
};

static const char *const asks[] = {"GET /", "POST /", "HEAD /", "GET /missing"};

static const struct mode *mode;
static bool is_server;
static struct io_uring ring;
static struct io_uring_buf_ring *chosen_ring;
static char chosen[BUFFERS][BUFFER_BYTES];
static struct connection connections[CONNECTIONS_MAX];
static unsigned opened, closed;
static struct {
	char method[8];
	int status;
	unsigned count;
} truth[16];

static void must(bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "uring: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static void truth_add(const char *method, int status)
{
	for (unsigned i = 0; i < sizeof(truth) / sizeof(*truth); i++) {
		if (!truth[i].count) {
			strcpy(truth[i].method, method);
			truth[i].status = status;
		} else if (strcmp(truth[i].method, method) != 0 || truth[i].status != status) {
			continue;
		}
		truth[i].count++;
		return;
	}
	must(false, "too many kinds of requests");
}

/* --- operations --- */

static struct io_uring_sqe *sqe_get(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	must(sqe != NULL, "the submission queue is full");
	return sqe;
}

/* After its preparation, which clears both. */
static void sqe_finish(struct io_uring_sqe *sqe, const struct connection *connection,
	enum operation operation, unsigned flags)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)(connection - connections) << 2 | operation);
	io_uring_sqe_set_flags(sqe, flags);
}

/* The number of its socket as operations want it: its own, or that of its registration. */
static int socket_of(const struct connection *connection)
{
	return mode->flags & IOSQE_FIXED_FILE ? (int)(connection - connections) : connection->fd;
}

/* Cut in three, so that no line is in one piece. */
static struct msghdr *pieces_set(struct pieces *pieces, char *bytes, size_t length)
{
	size_t cuts[PIECES + 1] = {0, 2, 11, length};

	for (unsigned i = 0; i < PIECES; i++)
		pieces->list[i] = (struct iovec){bytes + cuts[i], cuts[i + 1] - cuts[i]};
	pieces->message = (struct msghdr){.msg_iov = pieces->list, .msg_iovlen = PIECES};
	return &pieces->message;
}

static void receive(struct connection *connection)
{
	char *to = connection->in + connection->received;
	size_t room = sizeof(connection->in) - 1 - connection->received;
	struct io_uring_sqe *sqe = sqe_get();
	int fd = socket_of(connection);

	must(room > PIECES * 8, "a message is too long");
	if (mode->multishot)
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	else if (mode->by == MESSAGE)
		io_uring_prep_recvmsg(sqe, fd, pieces_set(&connection->in_pieces, to, room), 0);
	else if (mode->by == VECTOR)
		io_uring_prep_readv(
			sqe, fd, pieces_set(&connection->in_pieces, to, room)->msg_iov, PIECES, 0);
	else if (mode->fixed)
		io_uring_prep_read_fixed(sqe, fd, to, (unsigned)room, 0, 0);
	else if (mode->by == FILE_IO)
		io_uring_prep_read(sqe, fd, to, (unsigned)room, 0);
	else
		io_uring_prep_recv(sqe, fd, to, room, 0);
	if (mode->polled)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	sqe_finish(sqe, connection, RECEIVE,
		mode->flags | (mode->multishot ? IOSQE_BUFFER_SELECT : 0));
}

static void transmit(struct connection *connection)
{
	struct io_uring_sqe *sqe = sqe_get();
	char *from = connection->out;
	size_t length = connection->sending;
	int fd = socket_of(connection);

	if (mode->by == MESSAGE)
		io_uring_prep_sendmsg(
			sqe, fd, pieces_set(&connection->out_pieces, from, length), 0);
	else if (mode->by == VECTOR)
		io_uring_prep_writev(sqe, fd,
			pieces_set(&connection->out_pieces, from, length)->msg_iov, PIECES, 0);
	else if (mode->zero_copy)
		io_uring_prep_send_zc(sqe, fd, from, length, 0, 0);
	else if (mode->by == FILE_IO)
		io_uring_prep_write(sqe, fd, from, (unsigned)length, 0);
	else
		io_uring_prep_send(sqe, fd, from, length, 0);
	sqe_finish(sqe, connection, SEND, mode->flags | (mode->linked ? IOSQE_IO_LINK : 0));
	if (mode->linked)
		receive(connection);
}

static void connection_begin(struct connection *connection, int fd)
{
	connection->fd = fd;
	if (mode->flags & IOSQE_FIXED_FILE)
		must(io_uring_register_files_update(
			     &ring, (unsigned)socket_of(connection), &fd, 1) == 1,
			"register a socket");
	if (is_server || mode->multishot)
		receive(connection);
}

/* What is registered stays open until it is registered no more. */
static void connection_end(struct connection *connection)
{
	int none = -1;

	if (mode->flags & IOSQE_FIXED_FILE)
		must(io_uring_register_files_update(
			     &ring, (unsigned)socket_of(connection), &none, 1) == 1,
			"forget a socket");
	close(connection->fd);
	connection->fd = -1;
	closed++;
}

/* --- HTTP --- */

/* The bytes of a whole message at the begin of what was received; 0: it is not there yet. */
static size_t message_length(const struct connection *connection)
{
	const char *end = strstr(connection->in, "\r\n\r\n");
	const char *field = strcasestr(connection->in, "\r\nContent-Length: ");
	size_t length;

	if (!end)
		return 0;
	length = (size_t)(end + 4 - connection->in);
	if (field && field < end && (is_server || strcmp(connection->method, "HEAD") != 0))
		length += strtoul(field + strlen("\r\nContent-Length: "), NULL, 10);
	return length <= connection->received ? length : 0;
}

static void body_fill(struct connection *connection, bool is_there)
{
	if (!is_there)
		return;
	memset(connection->out + connection->sending, 'x', BODY_BYTES);
	connection->sending += BODY_BYTES;
}

static void answer(struct connection *connection)
{
	char target[64];
	int status;

	must(sscanf(connection->in, "%7s %63s", connection->method, target) == 2, "no request");
	status = strcmp(target, "/missing") != 0 ? 200 : 404;
	connection->sending = (size_t)sprintf(connection->out,
		"HTTP/1.1 %d As asked\r\nContent-Length: %d\r\n\r\n", status, BODY_BYTES);
	body_fill(connection, strcmp(connection->method, "HEAD") != 0);
	truth_add(connection->method, status);
	transmit(connection);
}

static void ask(struct connection *connection)
{
	const char *next = asks[connection->left-- % (sizeof(asks) / sizeof(*asks))];
	bool has_body = next[0] == 'P';

	must(sscanf(next, "%7s", connection->method) == 1, "no method");
	connection->sending = (size_t)sprintf(connection->out,
		"%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", next,
		has_body ? BODY_BYTES : 0);
	body_fill(connection, has_body);
	transmit(connection);
}

/* --- completions --- */

static void accepting(int listener)
{
	struct io_uring_sqe *sqe = sqe_get();

	io_uring_prep_accept(sqe, listener, NULL, NULL, 0);
	sqe_finish(sqe, connections, ACCEPT, 0);
}

/* Copies what was received into a buffer that the kernel chose, and gives that back. */
static void chosen_take(struct connection *connection, const struct io_uring_cqe *cqe)
{
	unsigned number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	must(connection->received + (size_t)cqe->res < sizeof(connection->in), "a long message");
	memcpy(connection->in + connection->received, chosen[number], (size_t)cqe->res);
	memset(chosen[number], 0, BUFFER_BYTES); /* who reads it later finds nothing */
	io_uring_buf_ring_add(chosen_ring, chosen[number], BUFFER_BYTES, (unsigned short)number,
		io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(chosen_ring, 1);
}

static void received(struct connection *connection, const struct io_uring_cqe *cqe)
{
	bool goes_on = cqe->flags & IORING_CQE_F_MORE;
	size_t length;

	errno = -cqe->res;
	if (cqe->res == -ENOBUFS) {
		receive(connection);
		return;
	}
	if (!cqe->res && is_server) {
		connection_end(connection);
		return;
	}
	if (connection->fd < 0)
		return; /* the end of a receive that went on until its client closed */
	must(cqe->res > 0, "receive");
	if (mode->multishot)
		chosen_take(connection, cqe);
	connection->received += (size_t)cqe->res;
	connection->in[connection->received] = '\0';
	length = message_length(connection);
	if (mode->multishot ? !goes_on : !length)
		receive(connection);
	if (!length)
		return;
	if (!is_server)
		truth_add(connection->method, atoi(connection->in + strlen("HTTP/1.1 ")));
	connection->received -= length;
	must(!connection->received, "more than one message");
	if (is_server)
		answer(connection);
	else if (connection->left)
		ask(connection);
	else
		connection_end(connection);
}

static void sent(struct connection *connection, const struct io_uring_cqe *cqe)
{
	if (cqe->flags & IORING_CQE_F_NOTIF)
		return; /* the second one of a send without copy */
	errno = -cqe->res;
	must(cqe->res == (int)connection->sending, "send");
	if (!mode->linked && !mode->multishot)
		receive(connection);
}

/* Handles all that has completed. */
static void completions(int listener, unsigned wanted)
{
	struct io_uring_cqe *waiting, cqe;

	while (closed < wanted && !io_uring_peek_cqe(&ring, &waiting)) {
		struct connection *connection = &connections[waiting->user_data >> 2];

		cqe = *waiting;
		io_uring_cqe_seen(&ring, waiting);
		switch ((enum operation)(cqe.user_data & 3)) {
		case ACCEPT:
			errno = -cqe.res;
			must(cqe.res >= 0, "accept");
			connection_begin(&connections[opened++], cqe.res);
			if (opened < wanted)
				accepting(listener);
			break;
		case RECEIVE: received(connection, &cqe); break;
		case SEND: sent(connection, &cqe); break;
		}
	}
}

/* Waits with the number of one of the sockets where a system call would have it. */
static void spin(void)
{
	static unsigned turn;
	int fd = connections[turn++ % (opened ? opened : 1)].fd;
#ifdef __x86_64__
	register long first __asm__("rdi") = fd;
#else
	register long first __asm__("x0") = fd;
#endif

	while (!io_uring_cq_ready(&ring))
		__asm__ volatile("" : : "r"(first));
}

/* --- begin --- */

static void chosen_provide(void)
{
	struct io_uring_buf_reg registration = {.ring_entries = BUFFERS};

	must(!posix_memalign((void **)&chosen_ring, 4096, BUFFERS * sizeof(struct io_uring_buf)),
		"memory");
	registration.ring_addr = (uintptr_t)chosen_ring;
	must(!io_uring_register_buf_ring(&ring, &registration, 0), "register buffers");
	io_uring_buf_ring_init(chosen_ring);
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(chosen_ring, chosen[i], BUFFER_BYTES, (unsigned short)i,
			io_uring_buf_ring_mask(BUFFERS), i);
	io_uring_buf_ring_advance(chosen_ring, BUFFERS);
}

static int ring_begin(void)
{
	struct io_uring_params parameters = {.flags = mode->setup, .sq_thread_idle = 1000};
	int none[CONNECTIONS_MAX], event = -1;

	must(!io_uring_queue_init_params(ENTRIES, &ring, &parameters), "make a ring");
	memset(none, -1, sizeof(none));
	if (mode->flags & IOSQE_FIXED_FILE)
		must(!io_uring_register_files(&ring, none, CONNECTIONS_MAX), "register files");
	if (mode->fixed)
		must(!io_uring_register_buffers(
			     &ring, &(struct iovec){connections, sizeof(connections)}, 1),
			"register memory");
	if (mode->multishot)
		chosen_provide();
	if (mode->eventfd) {
		event = eventfd(0, EFD_CLOEXEC);
		must(!io_uring_register_eventfd(&ring, event), "register an eventfd");
	}
	return event;
}

/* Listens there, or is connected to what does. */
static int socket_open(const char *where)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	struct sockaddr_in port = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(where)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool is_unix = where[0] == '/';
	const struct sockaddr *address = is_unix ? (void *)&path : (void *)&port;
	socklen_t length = is_unix ? sizeof(path) : sizeof(port);
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(path.sun_path, where, sizeof(path.sun_path) - 1);
	if (is_server)
		must(!bind(fd, address, length) && !listen(fd, CONNECTIONS_MAX), "listen");
	else
		must(!connect(fd, address, length), "connect");
	return fd;
}

static bool kernel_has(const struct mode *wanted, const struct io_uring_probe *probe)
{
	if (wanted->setup & IORING_SETUP_SQPOLL)
		return ring.features & IORING_FEAT_SQPOLL_NONFIXED;
	/* what cannot be asked for came along with an operation that can */
	if (wanted->multishot || wanted->zero_copy)
		return io_uring_opcode_supported(probe, IORING_OP_SEND_ZC);
	return !wanted->polled || io_uring_opcode_supported(probe, IORING_OP_SOCKET);
}

static int modes_print(void)
{
	struct io_uring_probe *probe;

	must(!io_uring_queue_init(ENTRIES, &ring, 0), "make a ring");
	probe = io_uring_get_probe_ring(&ring);
	must(probe, "probe");
	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (kernel_has(&modes[i], probe))
			puts(modes[i].name);
	io_uring_free_probe(probe);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned wanted;
	uint64_t events;
	int event, listener = -1;

	if (argc == 2 && !strcmp(argv[1], "modes"))
		return modes_print();
	must(argc >= 5, "usage");
	is_server = !strcmp(argv[1], "server");
	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(modes[i].name, argv[2]))
			mode = &modes[i];
	wanted = (unsigned)atoi(argv[4]);
	must(mode && wanted <= CONNECTIONS_MAX && is_server == (argc == 5), "usage");
	event = ring_begin();
	if (is_server)
		accepting(listener = socket_open(argv[3]));
	for (; opened < wanted && !is_server; opened++) {
		connections[opened].left = (unsigned)atoi(argv[5]);
		connection_begin(&connections[opened], socket_open(argv[3]));
		ask(&connections[opened]);
	}
	while (closed < wanted) {
		bool waits = event < 0 && !mode->spinning;

		must((waits ? io_uring_submit_and_wait(&ring, 1) : io_uring_submit(&ring)) >= 0,
			"submit");
		if (event >= 0)
			must(read(event, &events, sizeof(events)) > 0, "read");
		if (mode->spinning)
			spin();
		completions(listener, wanted);
	}
	for (unsigned i = 0; i < sizeof(truth) / sizeof(*truth) && truth[i].count; i++)
		printf("%s %d %u\n", truth[i].method, truth[i].status, truth[i].count);
	return 0;
}
