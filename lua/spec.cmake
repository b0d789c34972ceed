# The spec runner's chunks. Each is called once, when it is needed, with a function that answers the others by name;
# spec/main.lua answers the runner.
set(SPEC_LUA "")
foreach(noun alert api assertion bus call cases chain clock colour compare config decision diff failure files filter formatter frame
        globals golden guard host json lifecycle main match mock modules names order policies pretty report say
        snapshot spy stub texts timeline tree values verdict words)
    list(APPEND SPEC_LUA spec/${noun}.lua)
endforeach()
