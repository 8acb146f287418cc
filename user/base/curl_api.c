/* SPDX-License-Identifier: Apache-2.0 */
/* Finds libcurl's functions at run time (curl_api.h). */
#include "base/curl_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

/*
 * The soname, which stands for the ABI that the headers describe: it has been 4 since 2006. The
 * name without a number comes with the -dev package only.
 */
#define LIBRARY "libcurl.so.4"
#define PACKAGE "libcurl4"

struct curl_api curl;

int curl_api_load(char *error, size_t error_size)
{
	static void *library; /* never closed: libraries below it register handlers for exit() */
	struct curl_api found;

	if (library)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		goto failed;
#define FIND(name)                                                                                 \
	found.name = dlsym(library, "curl_" #name);                                                \
	if (!found.name)                                                                           \
		goto failed;
	CURL_API(FIND)
#undef FIND
	curl = found;
	return 0;

failed:
	snprintf(error, error_size, "cannot load " LIBRARY ": %s: install " PACKAGE, dlerror());
	if (library)
		dlclose(library);
	library = NULL;
	return -ELIBACC;
}
