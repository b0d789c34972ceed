-- A word of the source as it stands in a sentence: short, and of visible characters.
return function(word)
    if #word > 60 then
        word = string.sub(word, 1, 57) .. "..."
    end
    return (string.gsub(word, "[%c\127-\255]", "?"))
end
