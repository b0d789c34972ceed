-- Templates and their data, on the Go template engine. C hands over plain tables and strings.

local go = ...
local value = go.value

local parsed, data = {}, nil

local render = {}

-- {{.}} and {{$}} show every variable. Who only looks like it pays for a title and a body that nobody reads.
local function refers_to_all(text)
    return text:find("[%s({|]%.[%s)}|]") ~= nil or text:find("%$[%s)}|]") ~= nil
end

-- A sentence when the text does not parse; else nil and whether it refers to Context, Title, Body, Alert.
function render.parse(i, name, text)
    local template, problem = go.parse(name, text)
    if not template then
        return problem
    end
    parsed[i] = template
    local all = refers_to_all(text)
    return nil, template:references("Context"), all or template:references("Title"),
        all or template:references("Body"), all or template:references("Alert")
end

-- Takes the variables of the next renderings.
function render.set(fields)
    local alert = fields.Alert
    if alert then
        alert.labels = value.map(alert.labels)
        alert.annotations = value.map(alert.annotations)
        alert.receivers = value.list(alert.receivers, #alert.receivers)
        fields.Alert = value.map(alert)
    end
    data = value.map(fields)
end

-- The text, or nil and Go's sentence.
function render.execute(i, output_max)
    return go.execute(parsed[i], data, {output = output_max})
end

return render
