/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to an API server by libcurl: GET, of which the answer comes in pieces. The certificate
 * is checked against the cluster's own authority, and the token is read from its file for each
 * request, as the kubelet puts a new one there. One thread asks; another one may cut it short.
 */
#ifndef SONDE_API_CLIENT_H
#define SONDE_API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define API_ERROR_LEN 256

struct api_client_options {
	const char *url;        /* https://HOST:PORT */
	const char *token_file; /* "": none is sent */
	const char *ca_file;    /* "": those of this system */
	const char *version;    /* Sonde's, for the server's log */
};

struct api_request {
	const char *path; /* with its query */
	long timeout_seconds;
	/* An answer of status 200 begins; or NULL. */
	void (*begin)(void *context);
	/* A piece of it. Other than 0 ends the request. */
	int (*take)(void *context, const char *bytes, size_t length);
	void *context;
};

struct api_client;

/* Main thread. 0, or a negative errno and in error[] what a person can do. */
int api_client_open(struct api_client **out, const struct api_client_options *options,
	char error[API_ERROR_LEN]);
void api_client_close(struct api_client *client);

/*
 * Returns the status, 200 when the answer has ended as it should; or a negative errno: -ECANCELED
 * after api_client_stop(), what `take` returned, -EIO for all else. error[] says why it is not 200.
 */
int api_client_get(
	struct api_client *client, const struct api_request *request, char error[API_ERROR_LEN]);

/* From any thread: the request that is under way ends, and so does each that comes. */
void api_client_stop(struct api_client *client);

#endif
