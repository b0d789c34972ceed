#include "match.h"

#include <cctype>
#include <cstdio>
#include <cstring>
#include <new>
#include <re2/re2.h>
#include <string>

struct match {
    RE2 re;
    match(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options)
    {
    }
};

namespace {

/* The few things that Go's expressions have otherwise than RE2's: (?<name>...) there is (?P<name>...) here,
 * and \C, one byte of a character, is an error there. */
struct translator {
    const char *p, *end;
    std::string out;
    bool bad;

    void copy(size_t n)
    {
        out.append(p, n);
        p += n;
    }
    bool next_is(const char *text) const
    {
        size_t n = strlen(text);
        return static_cast<size_t>(end - p) >= n && memcmp(p, text, n) == 0;
    }
    void copy_class()
    {
        copy(1);
        if (next_is("^"))
            copy(1);
        if (next_is("]"))
            copy(1);
        while (p < end && *p != ']') {
            const char *close = next_is("[:") ? strstr(p, ":]") : nullptr;
            if (close && close < end)
                copy(static_cast<size_t>(close - p) + 2);
            else
                copy(*p == '\\' && end - p > 1 ? 2 : 1);
        }
    }
    void copy_quoted()
    {
        while (p < end && !next_is("\\E"))
            copy(1);
    }
    void run()
    {
        while (p < end) {
            if (next_is("\\Q")) {
                copy_quoted();
            } else if (*p == '\\') {
                bad = bad || next_is("\\C");
                copy(end - p > 1 ? 2 : 1);
            } else if (*p == '[') {
                copy_class();
            } else if (next_is("(?<") && end - p > 3 &&
                       (isalnum(static_cast<unsigned char>(p[3])) || p[3] == '_')) {
                out.append("(?P<");
                p += 3;
            } else {
                copy(1);
            }
        }
    }
};

} // namespace

struct match *match_compile(const char *pattern, size_t len, char *why, size_t why_size)
{
    try {
        RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(MATCH_MEMORY);
        std::string text(pattern, len);
        struct translator t = {text.c_str(), text.c_str() + len, "^(?:", false};
        t.run();
        if (t.bad) {
            snprintf(why, why_size, "invalid escape sequence: \\C");
            return nullptr;
        }
        struct match *m = new match(t.out + ")$", options);
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
        return RE2::PartialMatch(re2::StringPiece(text, len), m->re);
    } catch (...) {
        return false;
    }
}

void match_free(struct match *m)
{
    delete m;
}
