/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label values as a key (series_key.h). This runs for every record that is aggregated, so it is one
 * pass over the values and one over the words.
 */
#include "telemetry/metrics/series_key.h"

#include <string.h>

#include "base/utf8.h"
#include "identity/service.h"

#define OVERFLOW_MARK '\1' /* behind the last value, where otherwise the padding is: '\0' */

static uint32_t hash_words(const char *text, size_t length)
{
	uint64_t hash = 0, word;

	for (size_t i = 0; i < length; i += SERIES_KEY_WORD) {
		memcpy(&word, text + i, SERIES_KEY_WORD);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
		hash ^= hash >> 32;
	}
	return (uint32_t)hash;
}

/*
 * Most values are plain ASCII: those do not pay for looking at characters. `parts` is how many the
 * value may have.
 */
static char *append_value(char *end, const char *value, int parts)
{
	const char separator[] = {SERVICE_PART, '\0'};

	for (;;) {
		const char *limit = end + LABEL_VALUE_MAX;

		while (*value >= ' ' && *value < 0x7f && end < limit)
			*end++ = *value++;
		if (*value && (parts == 1 || *value != SERVICE_PART)) {
			size_t length = parts == 1 ? strlen(value) : strcspn(value, separator);

			end += utf8_copy(end, (size_t)(limit - end) + 1, value, length);
			value += length;
		}
		if (!*value || !--parts)
			break;
		*end++ = *value++;
	}
	*end++ = '\0';
	return end;
}

void series_key_make(
	struct series_key *key, const char *const *values, unsigned count, bool is_overflow)
{
	char *end = key->text;

	for (unsigned i = 0; i < count; i++)
		end = append_value(end, values[i] ? values[i] : "", i ? 1 : SERIES_PARTS_MAX);
	if (is_overflow)
		*end++ = OVERFLOW_MARK;
	while ((size_t)(end - key->text) % SERIES_KEY_WORD)
		*end++ = '\0';
	key->length = (uint32_t)(end - key->text);
	key->hash = hash_words(key->text, key->length);
}
