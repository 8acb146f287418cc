/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod says of the service that it is: by annotations, labels and images. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "kubernetes/pod.h"

static void assert_version(const char *image, const char *version)
{
	char found[POD_VERSION_LEN];

	pod_image_version(found, image);
	assert_string_equal(found, version);
}

#define DIGEST "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

/* `<tag>@<digest>`, or the one that there is. */
static void test_version_is_that_of_the_image(void **state)
{
	char longest[2 * POD_VERSION_LEN], version[POD_VERSION_LEN];

	(void)state;
	assert_version("nginx", "");
	assert_version("nginx:1.25", "1.25");
	assert_version("registry.example:5000/shop/web", "");
	assert_version("registry.example:5000/shop/web:v2", "v2");
	assert_version("shop/web@" DIGEST, DIGEST);
	assert_version("registry.example:5000/web:v2@" DIGEST, "v2@" DIGEST);
	assert_version("", "");
	assert_version(":", "");
	snprintf(longest, sizeof(longest), "a:%0*d", 2 * POD_VERSION_LEN - 3, 1);
	pod_image_version(version, longest);
	assert_int_equal(strlen(version), POD_VERSION_LEN - 1);
}

static void test_pod_says_what_service_it_is(void **state)
{
	static const char text[] =
		"{\"metadata\":{\"uid\":\"u\",\"namespace\":\"shop\",\"name\":\"web\",\"labels\":{"
		"\"app.kubernetes.io/name\":\"web\",\"app.kubernetes.io/version\":\"2.0\"},"
		"\"annotations\":{\"resource.opentelemetry.io/service.namespace\":\"eu\","
		"\"resource.opentelemetry.io/service.version\":\"3.0\","
		"\"resource.opentelemetry.io/service.instance.id\":\"one\"}}}";
	json_t *object = json_loads(text, 0, NULL);
	struct pod pod;

	(void)state;
	assert_true(pod_read(&pod, object, &pod_choice_none));
	assert_string_equal(pod.service.name, "");
	assert_string_equal(pod.service.namespace, "eu");
	assert_string_equal(pod.service.version, "3.0");
	assert_string_equal(pod.service.instance, "one");
	assert_string_equal(pod.service.label_name, "web");
	assert_string_equal(pod.service.label_version, "2.0");
	pod_clear(&pod);
	json_object_set_new(json_object_get(json_object_get(object, "metadata"), "labels"),
		"app.kubernetes.io/instance", json_string("till"));
	assert_true(pod_read(&pod, object, &pod_choice_none));
	assert_string_equal(pod.service.label_name, "till");
	pod_clear(&pod);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_is_that_of_the_image),
		cmocka_unit_test(test_pod_says_what_service_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
