#include "time_zone.h"

#include <cctz/time_zone.h>
#include <cctz/zone_info_source.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

using cctz::civil_day;
using cctz::civil_second;

struct time_zone {
    cctz::time_zone zone;
};

namespace {

/* What the zone that is being loaded is made of; cctz asks for it from within time_zone_load. */
const char *pending;
size_t pending_len;

class memory_source : public cctz::ZoneInfoSource {
  public:
    memory_source(const char *bytes, size_t len) : p(bytes), left(len)
    {
    }
    std::size_t Read(void *to, std::size_t n) override
    {
        if (n > left)
            n = left;
        memcpy(to, p, n);
        p += n;
        left -= n;
        return n;
    }
    int Skip(std::size_t n) override
    {
        if (n > left)
            return -1;
        p += n;
        left -= n;
        return 0;
    }

  private:
    const char *p;
    std::size_t left;
};

/* The second argument would read files: it is never called. */
std::unique_ptr<cctz::ZoneInfoSource>
from_memory(const std::string &,
            const std::function<std::unique_ptr<cctz::ZoneInfoSource>(const std::string &)> &)
{
    if (!pending)
        return nullptr;
    return std::unique_ptr<cctz::ZoneInfoSource>(new memory_source(pending, pending_len));
}

cctz::time_point<cctz::seconds> point(int64_t t)
{
    return cctz::time_point<cctz::seconds>(cctz::seconds(t));
}

} // namespace

namespace cctz_extension {
ZoneInfoSourceFactory zone_info_source_factory = from_memory;
}

const struct time_zone *time_zone_utc(void)
{
    static const struct time_zone utc = {cctz::utc_time_zone()};
    return &utc;
}

const struct time_zone *time_zone_load(const char *name, const char *tzif, size_t len)
{
    try {
        static std::map<std::string, struct time_zone> zones; /* its elements do not move */
        auto known = zones.find(name);
        if (known != zones.end())
            return &known->second;
        /* a prefix: some names mean something else to cctz ("UTC0", "libc:...") */
        struct time_zone made;
        pending = tzif;
        pending_len = len;
        bool good = cctz::load_time_zone(std::string("zone/") + name, &made.zone);
        pending = nullptr;
        return good ? &zones.emplace(name, made).first->second : nullptr;
    } catch (...) {
        pending = nullptr;
        return nullptr;
    }
}

void time_zone_local(const struct time_zone *z, int64_t t, struct local_time *local_r)
{
    const cctz::time_zone::absolute_lookup at = z->zone.lookup(point(t));
    const civil_day day(at.cs);
    local_r->year = at.cs.year();
    local_r->month = at.cs.month();
    local_r->day = at.cs.day();
    local_r->hour = at.cs.hour();
    local_r->minute = at.cs.minute();
    local_r->second = at.cs.second();
    local_r->weekday = static_cast<int>(cctz::get_weekday(day)) + 1;
    local_r->yearday = cctz::get_yearday(day);
    local_r->offset = at.offset;
    local_r->dst = at.is_dst;
    size_t n = strnlen(at.abbr, sizeof local_r->abbreviation - 1);
    memcpy(local_r->abbreviation, at.abbr, n);
    local_r->abbreviation[n] = 0;
}

bool time_zone_next_jump(const struct time_zone *z, int64_t t, int64_t *moment_r)
{
    cctz::time_zone::civil_transition jump;
    if (!z->zone.next_transition(point(t), &jump))
        return false;
    /* the hours between `from` and `to` either never are or are twice: that lookup names the moment of the
     * jump */
    const cctz::time_zone::civil_lookup at = z->zone.lookup(jump.from < jump.to ? jump.from : jump.to);
    *moment_r = at.trans.time_since_epoch().count();
    return true;
}
