/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when something is to be sent or asked instead of linked: with the libraries that
 * it draws in, it costs 3 MiB resident, which who exports no traces should not pay. Headers are
 * needed to build, so the types are libcurl's own.
 *
 * curl_easy_init() is called as curl.easy_init(), and so on. Used by otlp_http.c and
 * flow_command.c.
 */
#ifndef SONDE_CURL_API_H
#define SONDE_CURL_API_H

#include <stddef.h>

/* The checks are macros around curl_easy_setopt(), of which only the plain function is wanted. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/* Every function that is used, without its curl_. */
#define CURL_API(FUNCTION)                                                                         \
	FUNCTION(global_init)                                                                      \
	FUNCTION(global_cleanup)                                                                   \
	FUNCTION(free)                                                                             \
	FUNCTION(slist_append)                                                                     \
	FUNCTION(slist_free_all)                                                                   \
	FUNCTION(url)                                                                              \
	FUNCTION(url_cleanup)                                                                      \
	FUNCTION(url_get)                                                                          \
	FUNCTION(url_set)                                                                          \
	FUNCTION(easy_init)                                                                        \
	FUNCTION(easy_cleanup)                                                                     \
	FUNCTION(easy_perform)                                                                     \
	FUNCTION(easy_setopt)                                                                      \
	FUNCTION(easy_getinfo)                                                                     \
	FUNCTION(easy_strerror)                                                                    \
	FUNCTION(easy_unescape)                                                                    \
	FUNCTION(multi_init)                                                                       \
	FUNCTION(multi_cleanup)                                                                    \
	FUNCTION(multi_setopt)                                                                     \
	FUNCTION(multi_add_handle)                                                                 \
	FUNCTION(multi_remove_handle)                                                              \
	FUNCTION(multi_perform)                                                                    \
	FUNCTION(multi_poll)                                                                       \
	FUNCTION(multi_wakeup)                                                                     \
	FUNCTION(multi_info_read)

struct curl_api {
#define CURL_API_POINTER(name) __typeof__(curl_##name) *name;
	CURL_API(CURL_API_POINTER)
#undef CURL_API_POINTER
};

/* Valid once curl_api_load() returned 0, and for good. */
extern struct curl_api curl;

/*
 * Loads libcurl unless it is loaded already. Main thread. Returns 0, or -ELIBACC with one line in
 * error[], which says what to install.
 */
int curl_api_load(char *error, size_t error_size);

#endif
