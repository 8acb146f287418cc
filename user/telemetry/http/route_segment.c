/* SPDX-License-Identifier: Apache-2.0 */
/* Data or name: the rules of route_segment.h. */
#include "telemetry/http/route_segment.h"

#include <string.h>

enum {
	DIGIT = 1,
	LOWER = 2,
	UPPER = 4,
	HEX = 8,
	PUNCTUATION = 16, /* between words, in names as in data */
	LETTER = LOWER | UPPER,
	WORD = DIGIT | LETTER
};

/* 0: a sign of data wherever it stands. */
static const unsigned char classes[256] = {
	['0' ... '9'] = DIGIT | HEX,
	['a' ... 'f'] = LOWER | HEX,
	['g' ... 'z'] = LOWER,
	['A' ... 'F'] = UPPER | HEX,
	['G' ... 'Z'] = UPPER,
	['-'] = PUNCTUATION,
	['.'] = PUNCTUATION,
	['_'] = PUNCTUATION,
	['~'] = PUNCTUATION,
	['!'] = PUNCTUATION,
	['$'] = PUNCTUATION,
	['&'] = PUNCTUATION,
	['\''] = PUNCTUATION,
	['('] = PUNCTUATION,
	[')'] = PUNCTUATION,
	['+'] = PUNCTUATION,
	[','] = PUNCTUATION,
	[';'] = PUNCTUATION,
	[':'] = PUNCTUATION,
	['@'] = PUNCTUATION,
};

struct word {
	size_t length;
	unsigned some; /* classes that some character of it has */
	unsigned all;  /* classes that all of them have */
};

static bool word_is_data(const struct word *word)
{
	if (!(word->some & DIGIT))
		return false;
	return (word->length >= 5 && (word->all & DIGIT)) ||
	       (word->length >= 8 && (word->all & HEX)) || word->length >= 20;
}

bool route_segment_next(const char **at, const char *end, struct route_segment *segment)
{
	const char *begin = *at;

	while (begin < end && *begin == '/')
		begin++;
	segment->text = begin;
	while (begin < end && *begin != '/')
		begin++;
	segment->length = (size_t)(begin - segment->text);
	*at = begin;
	return segment->length > 0;
}

bool route_segment_next_name(const char **at, const char *end, struct route_segment *segment)
{
	const char *parameters;

	if (!route_segment_next(at, end, segment))
		return false;
	parameters = memchr(segment->text, ';', segment->length);
	if (parameters && parameters > segment->text)
		segment->length = (size_t)(parameters - segment->text);
	return true;
}

enum route_segment_kind route_segment_kind(const struct route_segment *segment)
{
	static const struct word empty = {.all = ~0u};
	struct word word = empty, last = empty;
	unsigned seen = 0, before = 0, digits = 0, digit_runs = 0, words = 0;
	bool dot = false;

	if (segment->length > ROUTE_SEGMENT_MAX)
		return SEGMENT_DATA;
	for (size_t i = 0; i < segment->length; i++) {
		unsigned class = classes[(unsigned char)segment->text[i]];

		if (!class || (segment->text[i] == '@' && i > 0))
			return SEGMENT_DATA;
		if (class & WORD) {
			words += !word.length;
			word.length++;
			word.some |= class;
			word.all &= class;
			digits += class & DIGIT;
			digit_runs += class & ~before & DIGIT;
			last = word;
		} else {
			if (word_is_data(&word))
				return SEGMENT_DATA;
			word = empty;
			dot |= segment->text[i] == '.';
		}
		seen |= class;
		before = class;
	}
	if (word_is_data(&word) || (seen & (DIGIT | LETTER)) == DIGIT)
		return SEGMENT_DATA;
	if (words >= 3 && (last.all & DIGIT))
		return SEGMENT_DATA;
	if (segment->length >= 10 && (digits * 2 > segment->length ||
					     ((seen & WORD) == WORD && digit_runs >= 2 && !dot)))
		return SEGMENT_DATA;
	return digits || words >= 3 ? SEGMENT_COMPOUND : SEGMENT_PLAIN;
}
