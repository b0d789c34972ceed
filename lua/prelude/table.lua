-- text.table: rows of cells as columns of text, two spaces between them.

local ROWS_MAX, COLUMNS_MAX, CELL_MAX = 1000, 32, 200

local function fail(...)
    error("text.table: " .. string.format(...), 0)
end

local function check_list(value, what, max)
    if type(value) ~= "table" then
        fail("%s must be a list, got %s", what, type(value))
    end
    local n = #value
    if n > max then
        fail("%s may have at most %d elements", what, max)
    end
    return n
end

-- One line: what would break it becomes a space.
local function cell(value)
    local kind = type(value)
    if kind == "nil" then
        return ""
    elseif kind == "number" or kind == "boolean" then
        value = tostring(value)
    elseif kind ~= "string" then
        fail("a cell must be a text, a number, true, false or nil, got %s", kind)
    end
    return text.truncate(string.gsub(text.truncate(value, 4 * CELL_MAX), "%c", " "), CELL_MAX, "...")
end

local function read_row(row, what, columns)
    local cells, n = {}, check_list(row, what, COLUMNS_MAX)
    for i = 1, math.max(n, columns) do
        cells[i] = cell(row[i])
    end
    return cells
end

local function write(row, widths)
    local out = {}
    for i, width in ipairs(widths) do
        local s = row[i] or ""
        out[i] = s .. string.rep(" ", width - internal.width(s))
    end
    return text.trim_end(table.concat(out, "  "), " ")
end

local M = {}

function M.table(rows, headers)
    local count = check_list(rows, "argument 1", ROWS_MAX)
    local read, widths = {}, {}
    if headers ~= nil then
        read[1] = read_row(headers, "argument 2", 0)
    end
    local columns = read[1] and #read[1] or 0
    for i = 1, count do
        read[#read + 1] = read_row(rows[i], "row " .. i, columns)
    end
    for _, row in ipairs(read) do
        for i, s in ipairs(row) do
            widths[i] = math.max(widths[i] or 0, internal.width(s))
        end
    end
    local lines = {}
    for i, row in ipairs(read) do
        lines[i] = write(row, widths)
    end
    return table.concat(lines, "\n")
end

return M
