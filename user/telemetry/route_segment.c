/* SPDX-License-Identifier: Apache-2.0 */
/* Data or name: the rules of route_segment.h. */
#include "telemetry/route_segment.h"

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

bool route_segment_is_data(const char *text, size_t length)
{
	static const struct word empty = {.all = ~0u};
	struct word word = empty;
	unsigned seen = 0, before = 0, digits = 0, digit_runs = 0;
	bool dot = false;

	if (length > ROUTE_SEGMENT_MAX)
		return true;
	for (size_t i = 0; i < length; i++) {
		unsigned class = classes[(unsigned char)text[i]];

		if (!class || (text[i] == '@' && i > 0))
			return true;
		if (class & WORD) {
			word.length++;
			word.some |= class;
			word.all &= class;
			digits += class & DIGIT;
			digit_runs += class & ~before & DIGIT;
		} else {
			if (word_is_data(&word))
				return true;
			word = empty;
			dot |= text[i] == '.';
		}
		seen |= class;
		before = class;
	}
	if (word_is_data(&word) || (seen & (DIGIT | LETTER)) == DIGIT)
		return true;
	if (length < 10)
		return false;
	return digits * 2 > length || ((seen & WORD) == WORD && digit_runs >= 2 && !dot);
}
