# winnow_room(NAME DEPS... LIBS... SOURCES...): one static library winnow_NAME from src/NAME.
# DEPS are rooms (public), LIBS are third-party targets that no header of the room shows (private).
function(winnow_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS;LIBS;SOURCES" ${ARGN})
  add_library(winnow_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(winnow_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(winnow_${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall$<SEMICOLON>-Wextra>
    # GCC 12 warns of overlaps inside its own std::string that cannot be (its bug 105651, mended in 13).
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
  list(TRANSFORM ROOM_DEPS PREPEND winnow_)
  target_link_libraries(winnow_${name} PUBLIC ${ROOM_DEPS} PRIVATE ${ROOM_LIBS})
endfunction()

# winnow_test(ROOM SOURCES...): one doctest binary test_ROOM from tests/ROOM, one ctest case of the same name.
function(winnow_test name)
  add_executable(test_${name} ${ARGN} ${PROJECT_SOURCE_DIR}/tests/main.cpp)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(test_${name} PRIVATE WINNOW_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  target_compile_options(test_${name} PRIVATE -Wall -Wextra
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)  # as above
  target_link_libraries(test_${name} PRIVATE winnow_${name} doctest::doctest)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS unit)
endfunction()
