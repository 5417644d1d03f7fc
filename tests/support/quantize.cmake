# GPTQ in its plainest form, for the tests of core/quantize.
add_library(qroar_test_support_naive_gptq STATIC ${CMAKE_CURRENT_LIST_DIR}/naive_gptq.cpp)
target_link_libraries(qroar_test_support_naive_gptq PUBLIC qroar_options qroar_test_support_naive_rtn)
set_target_properties(qroar_test_support_naive_gptq PROPERTIES AUTOMOC OFF)
