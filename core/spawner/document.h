/* One document -> a struct spawner, a Secret, or problems. */
#pragma once

#include "spawner/report.h"
#include "spawner/spawner.h"
#include "yaml/node.h"

/* What a set is made of while it is being read. */
struct loader {
    struct spawner_set *set;
    size_t cap_spawners, cap_secrets;
    struct report report;
    const char *ns; /* for documents that name none */
    bool in_cluster; /* what is read now is an object of the API server */
    size_t n_documents;
};

/* Adds what the document is to the set, or problems to the report. A List is taken apart. */
void document_load(struct loader *l, const struct node *doc);

/* Of a document that schema_check and rules_check found nothing wrong with. */
struct spawner *document_to_spawner(const struct node *doc, const char *file, const char *ns);
void spawner_free(struct spawner **s);
