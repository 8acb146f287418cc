/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a pod is told besides namespace, owner and container, as it is configured: its name, its
 * node, and some of its labels and annotations. These are bounded, as they become labels of every
 * series: POD_CHOSEN_MAX of them, each with a key and a value that are cut to what a DNS label may
 * have.
 */
#ifndef SONDE_POD_CHOICE_H
#define SONDE_POD_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#define POD_CHOSEN_MAX       4
#define POD_CHOSEN_KEY_LEN   64 /* with its NUL; a key that is longer is refused */
#define POD_CHOSEN_VALUE_LEN 64 /* likewise; a value that is longer is cut */
#define POD_CHOSEN_NAME_LEN  (sizeof("k8s.pod.annotation.") + POD_CHOSEN_KEY_LEN)
#define POD_CHOICE_ERROR_LEN 160

struct pod_chosen_key {
	bool is_annotation; /* or a label */
	/* As OpenTelemetry has it: `k8s.pod.label.KEY`, `k8s.pod.annotation.KEY`. */
	char attribute[POD_CHOSEN_NAME_LEN];
};

struct pod_choice {
	bool tells_pod, tells_node;
	bool names_by_labels; /* labels app.kubernetes.io/… name services, too */
	size_t count;         /* of labels and annotations */
	struct pod_chosen_key chosen[POD_CHOSEN_MAX];
};

extern const struct pod_choice pod_choice_none;

/* `owner`, `pod`, `node`, `label:KEY` or `annotation:KEY`. */
bool pod_choice_is_item(const char *text);

/*
 * Reads a list of these; `owner` is told in any case. False, and in error[] why: there are too
 * many, or two that would be labels of one name.
 */
bool pod_choice_read(struct pod_choice *choice, char *const *items, size_t count,
	char error[POD_CHOICE_ERROR_LEN]);

/* The key in the pod's object. */
const char *pod_chosen_key(const struct pod_chosen_key *chosen);

/* What Prometheus calls an attribute: `k8s_pod_label_app`. */
void pod_choice_label_name(char name[POD_CHOSEN_NAME_LEN], const char *attribute);

#endif
