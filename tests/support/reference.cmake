# Slow, literal double-precision references that share no arithmetic with the product.
add_library(qroar_test_support_naive_rtn STATIC ${CMAKE_CURRENT_LIST_DIR}/naive_rtn.cpp)
target_link_libraries(qroar_test_support_naive_rtn PUBLIC qroar_options)
target_include_directories(qroar_test_support_naive_rtn PUBLIC ${PROJECT_SOURCE_DIR})
set_target_properties(qroar_test_support_naive_rtn PROPERTIES AUTOMOC OFF)

add_library(qroar_test_support_reference STATIC ${CMAKE_CURRENT_LIST_DIR}/reference_llama.cpp
                                                ${CMAKE_CURRENT_LIST_DIR}/reference_rope.cpp)
target_link_libraries(qroar_test_support_reference PUBLIC qroar_options qroar_model qroar_test_support_naive_rtn)
set_target_properties(qroar_test_support_reference PROPERTIES AUTOMOC OFF)

find_package(nlohmann_json 3.10 REQUIRED)
qroar_test(test_reference_llama
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_reference_llama.cpp
           LIBS qroar_test_support_reference qroar_test_support_model qroar_rope qroar_quant
                nlohmann_json::nlohmann_json
           LABELS fast)
