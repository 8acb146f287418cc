/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_json.h. */
#include "export/flows/flow_json.h"

#include "export/flows/flow_fields.h"
#include "export/lines/json_line.h"

void flow_json_append(struct buffer *out, const struct flow_view *view)
{
	buffer_append_text(out, "{\"timestamp\":");
	json_line_time(out, flow_record_time_ns(view));
	buffer_append_text(out, ",\"event\":");
	json_line_string(out, flow_event_name(view->event));
	flow_fields_visit(view, json_line_attribute, out);
	buffer_append_text(out, "}\n");
}
