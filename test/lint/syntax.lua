-- What Lua says, with Lua's line.
--- case an end is missing
return {
    filter = function()
        return true
} --> error: 'end' expected
--- case a string that is not closed
local a = "x --> error: unfinished string
--- case a label that is not there is Lua's to find
goto nowhere --> error: no visible label 'nowhere'
--- case all of Lua 5.4
local a <const>, b <close> = 0x1p4, nil
goto done
do local c = a // 2 ~ 3 << 1 end
::done::
local s = [==[ ]] ]==] .. '\u{20AC}\x41\065\z
    x'
return { api = 1, describe = s .. tostring(b) }
--- case a break that leaves nothing
do
    break --> error: break outside
end
return {}
