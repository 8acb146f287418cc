/* SPDX-License-Identifier: Apache-2.0 */
/* See probe_plan.h. */
#include "tls/probe_plan.h"

#include <stdlib.h>
#include <string.h>

#define PASSES_MAX 32 /* over them: one for each jump back that another one waits for */

/* What is known of the instruction that begins at a byte of the function. */
enum place {
	PLACE_IS = 1 << 0,      /* some way leads here */
	PLACE_TARGET = 1 << 1,  /* a jump does */
	PLACE_RETURNS = 1 << 2, /* from here a return may be reached */
	PLACE_TAKEN = 1 << 3,   /* it is one of the results */
};

struct body {
	const struct machine_code *code;
	uint8_t *places; /* one for each byte */
	uint16_t *todo;  /* beginnings that ways lead to and nobody has been at */
	size_t todo_count;
	bool is_known;       /* all ways within the function */
	bool ends_elsewhere; /* it calls another one as its last act, whose result is its own */
};

static bool decode(const struct body *body, size_t into, struct instruction *instruction)
{
	const struct machine_code *code = body->code;

	return into < code->size && instruction_decode(code->machine, code->bytes + into,
					    code->size - into, code->address + into, instruction);
}

/* --- the ways through a function --- */

static void way_add(struct body *body, size_t into)
{
	if (body->places[into] & PLACE_IS)
		return;
	body->places[into] |= PLACE_IS;
	body->todo[body->todo_count++] = (uint16_t)into;
}

static bool is_inside(const struct body *body, uint64_t target)
{
	return target - body->code->address < body->code->size;
}

/* The instruction that ends where another one begins, and leads there. */
static bool before(const struct body *body, size_t into, struct instruction *instruction)
{
	for (size_t back = 1; back <= INSTRUCTION_MAX && back <= into; back++) {
		if (!(body->places[into - back] & PLACE_IS) ||
			!decode(body, into - back, instruction) || instruction->length != back)
			continue;
		return instruction->flow != FLOW_JUMP && instruction->flow != FLOW_RETURN &&
		       instruction->flow != FLOW_STOP;
	}
	return false;
}

/*
 * Whether a jump that leaves the function never comes back: what the function has of the stack was
 * given back right before. Other jumps are to parts of the function that
 * stand elsewhere, or by a table.
 */
static bool is_last_call(const struct body *body, const struct instruction *instruction)
{
	size_t into = instruction->address - body->code->address;
	struct instruction previous;

	return (instruction->flow == FLOW_JUMP || instruction->flow == FLOW_AWAY) &&
	       before(body, into, &previous) && previous.is_release;
}

static void way_leave(struct body *body, const struct instruction *instruction)
{
	if (is_last_call(body, instruction))
		body->ends_elsewhere = true;
	else
		body->is_known = false;
}

static void ways_follow(struct body *body, const struct instruction *instruction, size_t into)
{
	bool jumps = instruction->flow == FLOW_CONDITION || instruction->flow == FLOW_JUMP;
	size_t next = into + instruction->length;

	if (instruction->flow == FLOW_AWAY || (jumps && !is_inside(body, instruction->target))) {
		way_leave(body, instruction);
	} else if (jumps) {
		body->places[instruction->target - body->code->address] |= PLACE_TARGET;
		way_add(body, instruction->target - body->code->address);
	}
	if (instruction->flow == FLOW_RETURN || instruction->flow == FLOW_STOP ||
		instruction->flow == FLOW_JUMP || instruction->flow == FLOW_AWAY)
		return;
	if (next < body->code->size)
		way_add(body, next);
	else if (instruction->flow != FLOW_CALL) /* a call that ends a function never comes back */
		body->is_known = false;
}

/* Goes all ways; what cannot be decoded is gone around. */
static void ways_go(struct body *body)
{
	struct instruction instruction;

	body->is_known = true;
	way_add(body, 0);
	while (body->todo_count) {
		size_t into = body->todo[--body->todo_count];

		if (decode(body, into, &instruction))
			ways_follow(body, &instruction, into);
		else
			body->is_known = false;
	}
}

/* --- from where a return is reached --- */

static bool returns_from(const struct body *body, uint64_t address)
{
	return body->places[address - body->code->address] & PLACE_RETURNS;
}

static bool reaches_return(const struct body *body, const struct instruction *instruction)
{
	uint64_t next = instruction->address + instruction->length;

	switch (instruction->flow) {
	case FLOW_RETURN: return true;
	case FLOW_JUMP: return returns_from(body, instruction->target);
	case FLOW_CONDITION:
		if (returns_from(body, instruction->target))
			return true;
		/* fall through */
	case FLOW_NEXT:
	case FLOW_CALL: return is_inside(body, next) && returns_from(body, next);
	case FLOW_AWAY:
	case FLOW_STOP:
	default: return false;
	}
}

/* Of a body whose ways are all known and inside. False: there are too many ways to follow. */
static bool returns_find(struct body *body)
{
	bool changed = true;

	for (int passes = 0; changed; passes++) {
		if (passes == PASSES_MAX)
			return false;
		changed = false;
		for (size_t into = body->code->size; into-- > 0;) {
			struct instruction instruction;

			if ((body->places[into] & (PLACE_IS | PLACE_RETURNS)) != PLACE_IS ||
				!decode(body, into, &instruction) ||
				!reaches_return(body, &instruction))
				continue;
			body->places[into] |= PLACE_RETURNS;
			changed = true;
		}
	}
	return true;
}

/* --- results --- */

/* Whether it is passed once on the way to the return behind it, and on no other way to one. */
static bool shows_result(const struct body *body, const struct instruction *instruction)
{
	if (!instruction->is_emulated || instruction->is_long_nop ||
		instruction->flow == FLOW_CALL || instruction->flow == FLOW_RETURN)
		return false;
	return instruction->flow != FLOW_CONDITION || !returns_from(body, instruction->target);
}

/* Walks back from a return to where its result can be seen. */
static bool result_find(struct body *body, size_t into, struct probe_plan *plan)
{
	uint32_t result = result_register(body->code->machine);
	struct instruction instruction;

	for (;;) {
		if (body->places[into] &
			PLACE_TARGET) /* others come in here, and pass nothing above */
			return false;
		if (!before(body, into, &instruction))
			return false;
		into -= instruction.length;
		if (shows_result(body, &instruction))
			break;
		if (instruction.written & result || instruction.flow != FLOW_NEXT)
			return false;
	}
	if (body->places[into] & PLACE_TAKEN || plan->result_count == PROBE_PLAN_RESULTS_MAX)
		return false;
	body->places[into] |= PLACE_TAKEN;
	plan->results[plan->result_count++] = (struct probe_point){PROBE_EMULATED, (uint32_t)into};
	return true;
}

static bool results_find(struct body *body, struct probe_plan *plan)
{
	struct instruction instruction;

	if (!body->is_known || body->ends_elsewhere || !returns_find(body))
		return false;
	for (size_t into = 0; into < body->code->size; into++)
		if (body->places[into] & PLACE_IS && decode(body, into, &instruction) &&
			instruction.flow == FLOW_RETURN && !result_find(body, into, plan))
			return false;
	return plan->result_count > 0;
}

/* --- arguments --- */

/*
 * Whether no code that is not known can come back to before an instruction. A push belongs to how
 * a function begins; a jump away in straight code leaves nothing behind it that could.
 */
static bool is_certain(const struct body *body, const struct instruction *instruction)
{
	return body->is_known || instruction->is_push ||
	       (instruction->flow == FLOW_JUMP && !is_inside(body, instruction->target));
}

/* Straight code from the entry: up to where a jump comes in, one goes out, or an argument ends. */
static struct probe_point arguments_find(const struct body *body, unsigned arguments)
{
	uint32_t registers = argument_registers(body->code->machine, arguments);
	struct probe_point first = {PROBE_NONE, 0};
	struct instruction instruction;

	for (size_t into = 0;
		!(body->places[into] & PLACE_TARGET) && decode(body, into, &instruction);
		into += instruction.length) {
		bool is_certain_here = into == 0 || is_certain(body, &instruction);

		if (is_certain_here && !instruction.is_long_nop &&
			instruction.flow != FLOW_RETURN) {
			if (instruction.is_emulated)
				return (struct probe_point){PROBE_EMULATED, (uint32_t)into};
			if (first.price == PROBE_NONE)
				first = (struct probe_point){PROBE_STEPPED, (uint32_t)into};
		}
		if (instruction.written & registers || instruction.flow != FLOW_NEXT ||
			into + instruction.length >= body->code->size)
			break;
	}
	return first;
}

/* A return probe is where a function begins, or nowhere. How many there are. */
static unsigned return_plan(const struct body *body, struct probe_point *point)
{
	struct instruction entry;

	if (!decode(body, 0, &entry) || entry.is_long_nop || entry.flow == FLOW_RETURN)
		return 0;
	*point = (struct probe_point){entry.is_emulated ? PROBE_RETURN : PROBE_RETURN_STEPPED, 0};
	return 1;
}

/* --- the whole --- */

static bool body_begin(struct body *body)
{
	size_t size = body->code->size;

	if (size == 0 || size > PROBE_PLAN_CODE_MAX)
		return false;
	body->places = calloc(size, sizeof(*body->places));
	body->todo = calloc(size, sizeof(*body->todo));
	return body->places && body->todo;
}

void probe_plan(struct probe_plan *plan, const struct machine_code *code, unsigned arguments,
	bool wants_result)
{
	struct body body = {.code = code};

	memset(plan, 0, sizeof(*plan));
	if (!body_begin(&body))
		goto end;
	ways_go(&body);
	plan->arguments = arguments_find(&body, arguments);
	if (!wants_result || plan->arguments.price == PROBE_NONE)
		goto end;
	if (!results_find(&body, plan)) {
		memset(plan->results, 0, sizeof(plan->results));
		plan->result_count = return_plan(&body, &plan->results[0]);
	}
end:
	free(body.places);
	free(body.todo);
}
