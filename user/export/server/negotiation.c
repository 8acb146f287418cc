/* SPDX-License-Identifier: Apache-2.0 */
/* Accept and Accept-Encoding (negotiation.h): both are lists of choices with parameters. */
#include "export/server/negotiation.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define BLANK       " \t"
#define QUALITY_MAX 1000 /* thousandths: all the digits that a weight may have */

struct word {
	const char *text;
	size_t length;
};

/* Parameters that tell one media type of a name from another. */
enum parameter { PARAMETER_VERSION, PARAMETER_PROTO, PARAMETER_ENCODING, PARAMETERS };

static const char *const parameter_names[PARAMETERS] = {
	[PARAMETER_VERSION] = "version",
	[PARAMETER_PROTO] = "proto",
	[PARAMETER_ENCODING] = "encoding",
};

struct choice {
	struct word name;                   /* "text/plain", "gzip" */
	struct word parameters[PARAMETERS]; /* of a media type; empty: not given */
	unsigned quality;
};

static bool word_is(struct word word, const char *text)
{
	return word.length == strlen(text) && strncasecmp(word.text, text, word.length) == 0;
}

/* Takes what stands before the next of `ends` or the header's end, without blanks and quotes. */
static struct word take_word(const char **at, const char *ends)
{
	struct word word = {.text = *at + strspn(*at, BLANK "\"")};

	*at += strcspn(*at, ends);
	while (word.text + word.length < *at && !strchr(BLANK "\"", word.text[word.length]))
		word.length++;
	return word;
}

/* "0.25" → 250; what is no weight counts as if it were not there. */
static unsigned parse_quality(struct word word)
{
	unsigned quality = 0, place = QUALITY_MAX / 10;

	if (!word.length || word.text[0] != '0')
		return QUALITY_MAX;
	for (size_t i = 2; i < word.length && place; i++, place /= 10) {
		if (word.text[i] < '0' || word.text[i] > '9')
			break;
		quality += (unsigned)(word.text[i] - '0') * place;
	}
	return quality;
}

/* Whatever else there is says nothing about whether it is ours. */
static void choice_set_parameter(struct choice *choice, struct word name, struct word value)
{
	if (word_is(name, "q"))
		choice->quality = parse_quality(value);
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (word_is(name, parameter_names[i]))
			choice->parameters[i] = value;
	}
}

static bool take_choice(const char **at, struct choice *choice)
{
	*at += strspn(*at, BLANK ",");
	if (!**at)
		return false;
	*choice = (struct choice){.name = take_word(at, ";,"), .quality = QUALITY_MAX};
	while (**at == ';') {
		++*at;
		struct word name = take_word(at, "=;,"), value = {0};

		if (**at == '=') {
			++*at;
			value = take_word(at, ";,");
		}
		choice_set_parameter(choice, name, value);
	}
	return true;
}

/* --- media types --- */

struct media_type {
	const char *name;
	const char *any;                    /* its kind */
	const char *parameters[PARAMETERS]; /* NULL: it has none of this name */
};

/* In the order in which they are preferred where the client has no preference. */
static const struct media_type media_types[] = {
	[EXPOSITION_TEXT] = {"text/plain", "text/*", {[PARAMETER_VERSION] = "0.0.4"}},
	[EXPOSITION_OPENMETRICS] = {"application/openmetrics-text", "application/*",
		{[PARAMETER_VERSION] = "1.0.0"}},
	[EXPOSITION_PROTOBUF] = {"application/vnd.google.protobuf", "application/*",
		{[PARAMETER_PROTO] = "io.prometheus.client.MetricFamily",
			[PARAMETER_ENCODING] = "delimited"}},
};

#define MEDIA_TYPES (sizeof(media_types) / sizeof(media_types[0]))

/* The most precise choice that covers a type decides about it. */
struct preference {
	unsigned quality;
	unsigned precision; /* 0: nothing covers it, 1: all types, 2: its kind, 3: itself */
};

static bool choice_has_parameters_of(const struct choice *choice, const struct media_type *type)
{
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (choice->parameters[i].length && type->parameters[i] &&
			!word_is(choice->parameters[i], type->parameters[i]))
			return false;
	}
	return true;
}

static unsigned choice_precision(const struct choice *choice, const struct media_type *type)
{
	if (word_is(choice->name, type->name))
		return choice_has_parameters_of(choice, type) ? 3 : 0;
	if (word_is(choice->name, type->any))
		return 2;
	return word_is(choice->name, "*/*") ? 1 : 0;
}

static struct preference preference_for(const struct media_type *type, const char *accept)
{
	struct preference best = {0};
	struct choice choice;

	while (take_choice(&accept, &choice)) {
		unsigned precision = choice_precision(&choice, type);

		if (precision > best.precision)
			best = (struct preference){choice.quality, precision};
	}
	return best;
}

enum exposition_format negotiate_format(const char *accept)
{
	enum exposition_format format = EXPOSITION_TEXT;
	struct preference best = {0};

	for (size_t i = 0; accept && i < MEDIA_TYPES; i++) {
		struct preference its = preference_for(&media_types[i], accept);

		if (its.quality > best.quality || (its.quality && its.quality == best.quality &&
							  its.precision > best.precision)) {
			format = (enum exposition_format)i;
			best = its;
		}
	}
	return format;
}

bool negotiate_gzip(const char *accept_encoding)
{
	unsigned gzip = 0, any = 0;
	bool is_named = false;
	struct choice choice;

	if (!accept_encoding)
		return false;
	while (take_choice(&accept_encoding, &choice)) {
		if (word_is(choice.name, "gzip") || word_is(choice.name, "x-gzip")) {
			gzip = choice.quality;
			is_named = true;
		} else if (word_is(choice.name, "*")) {
			any = choice.quality;
		}
	}
	return is_named ? gzip > 0 : any > 0;
}
