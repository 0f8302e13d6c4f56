package io.github.w2vbert.cli;

import io.github.w2vbert.DType;
import io.github.w2vbert.Pooling;
import io.github.w2vbert.WeightType;
import io.github.w2vbert.training.Casing;
import io.github.w2vbert.training.NoiseKind;
import io.github.w2vbert.training.Schedule;
import io.github.w2vbert.training.TrainingTask;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the value of an option that is one of a few words, in any case; lists them for help. */
abstract class Words<T> implements ITypeConverter<T>, Iterable<String> {
  private final Map<String, T> values = new LinkedHashMap<>(); // by their words

  @Override
  public T convert(String text) {
    for (var entry : values.entrySet()) {
      if (entry.getKey().equalsIgnoreCase(text)) {
        return entry.getValue();
      }
    }
    throw new TypeConversionException("'" + text + "' is not one of " + String.join(", ", this));
  }

  @Override
  public Iterator<String> iterator() {
    return values.keySet().iterator();
  }

  /** Ways to make one vector of many frames. */
  static final class Poolings extends Words<Pooling> {
    Poolings() {
      for (Pooling pooling : Pooling.values()) {
        super.values.put(pooling.name().toLowerCase(Locale.ROOT), pooling);
      }
    }
  }

  /** Element types that weights can be written in, and that matrix products compute in. */
  static final class WeightTypes extends Words<DType> {
    WeightTypes() {
      for (DType type : List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)) {
        super.values.put(type.toString(), type);
      }
    }
  }

  /** Types that a model can be kept in. */
  static final class StoredTypes extends Words<WeightType> {
    StoredTypes() {
      for (WeightType type : WeightType.values()) {
        super.values.put(type.toString(), type);
      }
    }
  }

  /** Classes of models. */
  static final class Classes extends Words<ModelClass> {
    Classes() {
      for (ModelClass type : ModelClass.values()) {
        super.values.put(type.toString(), type);
      }
    }
  }

  /** What models learn. */
  static final class Tasks extends Words<TrainingTask> {
    Tasks() {
      for (TrainingTask task : TrainingTask.values()) {
        super.values.put(word(task), task);
      }
    }
  }

  /** How learning rates fall. */
  static final class Schedules extends Words<Schedule.Shape> {
    Schedules() {
      for (Schedule.Shape shape : Schedule.Shape.values()) {
        super.values.put(word(shape), shape);
      }
    }
  }

  /** Noise that can be made. */
  static final class NoiseKinds extends Words<NoiseKind> {
    NoiseKinds() {
      for (NoiseKind kind : NoiseKind.values()) {
        super.values.put(word(kind), kind);
      }
    }
  }

  /** What happens to the case of texts. */
  static final class Casings extends Words<Casing> {
    Casings() {
      for (Casing casing : Casing.values()) {
        super.values.put(word(casing), casing);
      }
    }
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
