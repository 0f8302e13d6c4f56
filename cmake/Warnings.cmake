# Our own code compiles without a warning; generated code and other people's headers are not held to it.
function(w2vbert_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wconversion;-Wno-sign-conversion;-Werror>)
endfunction()
