/* Rules that look at more than one member of a spec: those of Kelos' CRDs (CEL), word for word, for what the
 * CRD's schema alone does not say. Pure. */
#pragma once

#include "spawner/report.h"
#include "yaml/node.h"

/* `spec` is a document's spec. Members of a wrong type are passed over: schema_check has reported them. */
void rules_check(struct report *r, const struct node *spec, bool v1alpha1);
