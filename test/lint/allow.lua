-- Answering a warning.
--- case on its line, by its code
return {
    api = 1,
    filter = function(alert)
        if alert.labels.a then
            return false -- lint: allow no_reason
        end
        return false -- lint: allow lost_write, no_return --> warning: does not say why
    end,
}
--- case not an error
local t = os.time() -- lint: allow absent_global --> error: 'os.time'
