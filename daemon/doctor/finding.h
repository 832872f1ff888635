/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, a row for each thing that was looked at. */
#ifndef MUSTER_DOCTOR_FINDING_H
#define MUSTER_DOCTOR_FINDING_H

#include "base/buffer.h"

enum finding_state { FINDING_OK, FINDING_DEGRADED, FINDING_MISSING, FINDING_NOT_APPLICABLE };

/* Whether the daemon can do without. */
enum finding_need { FINDING_OPTIONAL, FINDING_NEEDED };

struct finding {
    const char *name; /* borrowed, for good; stable: scripts know it */
    enum finding_state state;
    enum finding_need need;
    struct buffer reason; /* what was seen, and what the daemon does without it */
    struct buffer change; /* the line that changes it, to be copied; empty where nothing need change or can */
};

/* All rows, with room for a few more. */
#define FINDINGS_MAX 64

struct findings {
    struct finding at[FINDINGS_MAX];
    uint32_t count;
};

/* Append a row. The reason is text for people: what is no UTF-8 in it, and control characters, become '?'. */
struct finding *finding_add(struct findings *all, const char *name, enum finding_need need,
                            enum finding_state state, const char *reason, ...)
    __attribute__((format(printf, 5, 6)));
/* Say the line that changes it. */
void finding_change(struct finding *f, const char *line, ...) __attribute__((format(printf, 2, 3)));
void findings_fini(struct findings *all);

/* Is nothing missing that is needed? */
bool findings_let_run(const struct findings *all);
const char *finding_state_name(enum finding_state s);

/* print.c: as a table for people, as JSON (docs/doctor.md). */
void findings_write_table(const struct findings *all, struct buffer *out);
void findings_write_json(const struct findings *all, struct buffer *out);

#endif
