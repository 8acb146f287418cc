/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a captured DNS message (RFC 1035; RFC 6891 for codes above 15): its one question,
 * its code, and the addresses in its answers. Nothing is allocated. Any bytes may come in, and a
 * capture may end before the message does; no byte outside of it is read. Called for each message
 * by dns_lookups.c.
 */
#ifndef SONDE_DNS_H
#define SONDE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_LEN      256 /* of 255 bytes on the wire at most, as text with its NUL */
#define DNS_ADDRESSES_MAX 32  /* of one answer that are kept */

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_HTTPS = 65
};

#define DNS_NOERROR 0

struct dns_question {
	uint16_t type;
	/* Lower case, without the last dot; "." is the root. Bytes that would be no text, and dots
	 * within a label, are "?". */
	char name[DNS_NAME_LEN];
};

struct dns_address {
	uint8_t address[16]; /* IPv4 mapped into IPv6 */
	uint32_t ttl;        /* seconds */
};

struct dns_message {
	uint16_t id;
	bool is_response;
	bool has_question; /* servers that understood nothing may leave it out */
	uint16_t code;     /* response: 0 is no error */
	struct dns_question question;
	size_t address_count; /* of the question's name, behind whatever aliases */
	struct dns_address addresses[DNS_ADDRESSES_MAX];
};

/*
 * Reads the first `length` bytes of a message; what a capture that ends early lacks is not there.
 * 0, -EOPNOTSUPP for what does not look up (updates, notifications), or -EINVAL when it makes no
 * sense or does not get to the end of its one question.
 */
int dns_parse(struct dns_message *message, const uint8_t *bytes, size_t length);

/* As they are registered: "AAAA", "NXDOMAIN"; "other" for what is rare. Constant. */
const char *dns_type_name(uint16_t type);
const char *dns_code_name(uint16_t code);

#endif
