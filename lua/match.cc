#include "match.h"

#include <cstdio>
#include <new>
#include <re2/re2.h>

struct match {
    RE2 re;
    match(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options)
    {
    }
};

struct match *match_compile(const char *pattern, size_t len, char *why, size_t why_size)
{
    try {
        RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(MATCH_MEMORY);
        struct match *m = new match(re2::StringPiece(pattern, len), options);
        if (m->re.ok())
            return m;
        snprintf(why, why_size, "%s", m->re.error().c_str());
        delete m;
    } catch (const std::exception &problem) {
        snprintf(why, why_size, "%s", problem.what());
    }
    return nullptr;
}

bool match_fits(const struct match *m, const char *text, size_t len)
{
    try {
        return RE2::FullMatch(re2::StringPiece(text, len), m->re);
    } catch (...) {
        return false;
    }
}

void match_free(struct match *m)
{
    delete m;
}
