# The parts of the prelude that are Lua, embedded in load order: a chunk gets the modules of those before it.
set(PRELUDE_GOTEMPLATE "")
foreach(noun _fail _unicode _value _quote _float _number _printer _fmt _printf _lexer _node _cursor _parser _escape
        _compare _funcs _eval _exec "")
    list(APPEND PRELUDE_GOTEMPLATE prelude/gotemplate${noun}.lua)
endforeach()

as_library(gotemplate_lua SOURCES gotemplate.c LIBS vendor::lua)
as_embed_lua(gotemplate_lua prelude_gotemplate =prelude/% ${PRELUDE_GOTEMPLATE})

# The lint of policy files.
set(PRELUDE_LINT prelude/suggest.lua)
foreach(noun _show _lexer _scope _expression _parser _walk _rules _names _policy _literals _pattern _alert _hooks
        _options "")
    list(APPEND PRELUDE_LINT prelude/lint${noun}.lua)
endforeach()
