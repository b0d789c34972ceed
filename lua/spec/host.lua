-- host: what the worker gives the runner (main.lua fills it before anything runs). See docs/specs.md, "inside".
return {}
