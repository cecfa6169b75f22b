# Writes build_info.cpp; run at each build with -D SOURCE_DIR, TEMPLATE, OUTPUT, COMMIT (empty: ask git), VERSION, YAML_CPP_VERSION and
# PROMETHEUS_CPP_VERSION. The file is only touched when something changed, so that nothing else is built anew.
if(NOT COMMIT)
  set(COMMIT unknown)
  # A tree that was unpacked inside another repository must not claim that one's commit: git is not let above the tree itself.
  get_filename_component(above ${SOURCE_DIR} DIRECTORY)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env GIT_CEILING_DIRECTORIES=${above} GIT_OPTIONAL_LOCKS=0
      git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed AND described MATCHES "^[0-9a-f]+(-dirty)?$")
    set(COMMIT ${described})
  endif()
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
