/* SPDX-License-Identifier: Apache-2.0 */
/* See base/startup.h. */
#include "base/startup.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_writer.h"

static struct {
	pthread_t thread;
	int signals, over; /* readable: a signal waits; the start is over */
	bool runs;
	_Atomic(const char *) phase;
	atomic_bool stopped;
} startup = {.phase = "configuration"};

static int wait_ms(uint64_t until_ns)
{
	uint64_t now = clock_monotonic_ns();

	return until_ns > now ? (int)((until_ns - now) / 1000000 + 1) : 0;
}

/* Gives the main thread time to stop by itself; nothing that Sonde made outlives its process. */
static void stop(void)
{
	struct pollfd over = {.fd = startup.over, .events = POLLIN};

	startup.stopped = true;
	if (poll(&over, 1, wait_ms(clock_monotonic_ns() + STARTUP_STOP_NS)) > 0)
		return;
	log_warn("ended by a signal in the middle of the start", log_str("phase", startup.phase));
	log_writer_end(clock_monotonic_ns() + LOG_STALL_NS);
	_exit(0);
}

static void *watch(void *unused)
{
	struct pollfd watched[] = {
		{.fd = startup.over, .events = POLLIN}, {.fd = startup.signals, .events = POLLIN}};
	uint64_t begin_ns = clock_monotonic_ns(), report_ns = begin_ns + STARTUP_QUIET_NS;

	(void)unused;
	for (;;) {
		int ready = poll(watched, 2, wait_ms(report_ns));

		if (watched[0].revents)
			return NULL;
		if (ready > 0 && watched[1].revents) {
			stop();
			return NULL;
		}
		if (clock_monotonic_ns() < report_ns)
			continue;
		report_ns += STARTUP_TELL_NS;
		log_info("still starting", log_str("phase", startup.phase),
			log_int("seconds",
				(int64_t)((clock_monotonic_ns() - begin_ns) / 1000000000)));
	}
}

int startup_begin(void)
{
	sigset_t signals;
	int failed;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* looked at and not read: the main thread finds them, too */
	startup.signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	startup.over = eventfd(0, EFD_CLOEXEC);
	if (startup.signals < 0 || startup.over < 0)
		return -errno;
	failed = pthread_create(&startup.thread, NULL, watch, NULL);
	startup.runs = !failed;
	return -failed;
}

void startup_end(void)
{
	if (!startup.runs)
		return;
	startup.runs = false;
	eventfd_write(startup.over, 1);
	pthread_join(startup.thread, NULL);
	close(startup.signals);
	close(startup.over);
}

void startup_phase(const char *phase)
{
	startup.phase = phase;
}

bool startup_is_stopped(void)
{
	return startup.stopped;
}
