// The one source of the library that precompiles the headers of the tests (tests/CMakeLists.txt).
