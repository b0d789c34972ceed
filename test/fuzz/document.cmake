as_fuzz(fuzz_document SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_document.c LIBS yaml_out)
