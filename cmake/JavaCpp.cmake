# w2vbert_add_jni(<target>): lets JavaCPP turn jni/bindings.h into Java classes and JNI code, and compiles
# that into the library <target>. CMake runs it, not Maven, so that it happens only when the header or
# the mapper changed. Needs
#   JAVA_HOME               a JDK
#   JAVACPP_JAR             the javacpp jar
#   W2VBERT_JAVA_SOURCES    the folder that holds io/github/w2vbert/internal/W2vBertMapper.java
#   W2VBERT_GENERATED_JAVA  where the generated Java classes go
function(w2vbert_add_jni target)
  set(package io/github/w2vbert/internal)
  set(mapper ${W2VBERT_JAVA_SOURCES}/${package}/W2vBertMapper.java)
  set(header ${CMAKE_CURRENT_SOURCE_DIR}/w2vbert/jni/bindings.h)
  set(work ${CMAKE_CURRENT_BINARY_DIR}/javacpp)
  set(jni ${work}/jni/jniNative.cpp ${work}/jni/jnijavacpp.cpp)
  set(builder ${JAVA_HOME}/bin/java -cp ${JAVACPP_JAR} org.bytedeco.javacpp.tools.Builder
              -Dplatform.includepath=${CMAKE_CURRENT_SOURCE_DIR})
  add_custom_command(
    OUTPUT ${jni}
    DEPENDS ${header} ${mapper} ${JAVACPP_JAR}
    COMMENT "JavaCPP: jni/bindings.h to Java and JNI"
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${W2VBERT_GENERATED_JAVA} ${work}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${W2VBERT_GENERATED_JAVA} ${work}/jni
    COMMAND ${JAVA_HOME}/bin/javac -proc:none -cp ${JAVACPP_JAR} -d ${work}/mapper ${mapper}
    COMMAND ${builder} -classpath ${work}/mapper -nogenerate -d ${W2VBERT_GENERATED_JAVA}
            io.github.w2vbert.internal.W2vBertMapper
    # The shell expands the names of the generated classes.
    COMMAND
      sh -c "\"$1\" -proc:none -nowarn -cp \"$2\" -d \"$3\" \"$4\"/*.java" sh
      ${JAVA_HOME}/bin/javac ${JAVACPP_JAR}:${work}/mapper ${work}/classes
      ${W2VBERT_GENERATED_JAVA}/${package}
    COMMAND ${builder} -classpath ${work}/classes:${work}/mapper -nocompile -nodelete -d ${work}/jni
            "io.github.w2vbert.internal.*"
    VERBATIM)
  add_library(${target} SHARED ${jni})
  target_include_directories(
    ${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${JAVA_HOME}/include ${JAVA_HOME}/include/linux)
endfunction()
