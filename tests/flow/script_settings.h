/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a dialogue that change what the server is set to (script.h lists them). */
#ifndef MUSTER_TESTS_FLOW_SCRIPT_SETTINGS_H
#define MUSTER_TESTS_FLOW_SCRIPT_SETTINGS_H

#include "script_words.h"
#include "world.h"

void setting_limit(struct world *w, struct words *a);
void setting_conflict(struct world *w, struct words *a);
void setting_switch(struct world *w, struct words *a);
void setting_contact(struct world *w, struct words *a);
void setting_admin(struct world *w, struct words *a);
void setting_smime(struct world *w, struct words *a);

#endif
