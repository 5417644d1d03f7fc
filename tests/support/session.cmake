# A synthetic Session for tests of views, files and metrics.
add_library(qroar_test_support_session STATIC ${CMAKE_CURRENT_LIST_DIR}/synthetic_session.cpp
                                              ${CMAKE_CURRENT_LIST_DIR}/synthetic_session.h)
target_link_libraries(qroar_test_support_session PUBLIC qroar_options qroar_session qroar_capture qroar_rope qroar_quant)
set_target_properties(qroar_test_support_session PROPERTIES AUTOMOC OFF)
