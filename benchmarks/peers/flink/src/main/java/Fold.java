import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The same orders in Flink: last time, count and sum of each customer in its state on the heap, and
 * a word of every tenth order, exactly once, with a checkpoint every 100 ms. No window, no scores,
 * no cache. Several rounds in one JVM, each from the first order on: in the first one it is cold.
 */
public final class Fold
    extends KeyedProcessFunction<String, Tuple2<String, byte[]>, Tuple2<String, Integer>> {
  private static final JsonFactory JSON = new JsonFactory();
  // The job runs in this JVM, so that its orders can be counted here.
  private static final AtomicLong SEEN = new AtomicLong();

  private transient ValueState<Tuple3<String, Integer, Double>> customer;

  @Override
  public void open(OpenContext context) {
    TypeInformation<Tuple3<String, Integer, Double>> type = TypeInformation.of(new TypeHint<>() {});
    customer = getRuntimeContext().getState(new ValueStateDescriptor<>("customer", type));
  }

  @Override
  public void processElement(
      Tuple2<String, byte[]> order, Context context, Collector<Tuple2<String, Integer>> told)
      throws Exception {
    Tuple3<String, Integer, Double> state = customer.value();
    if (state == null) {
      state = Tuple3.of("", 0, 0.0);
    }
    add(state, order.f1);
    customer.update(state);
    if (state.f1 % 10 == 0) {
      told.collect(Tuple2.of(order.f0, state.f1));
    }
    SEEN.incrementAndGet();
  }

  /** Instants in ISO 8601 with one offset compare as text. */
  private static void add(Tuple3<String, Integer, Double> customer, byte[] order)
      throws IOException {
    try (JsonParser parser = JSON.createParser(order)) {
      while (parser.nextToken() != null) {
        if (parser.currentToken() != JsonToken.FIELD_NAME) {
          continue;
        }
        String field = parser.currentName();
        parser.nextToken();
        if (field.equals("amount")) {
          customer.f2 += Double.parseDouble(parser.getText());
        } else if (field.equals("ts") && parser.getText().compareTo(customer.f0) > 0) {
          customer.f0 = parser.getText();
        }
      }
    }
    customer.f1++;
  }

  /** The customer and the JSON of an order, which is read behind the exchange by customer. */
  private static final class Orders
      implements KafkaRecordDeserializationSchema<Tuple2<String, byte[]>> {
    @Override
    public void deserialize(
        ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<String, byte[]>> out) {
      out.collect(Tuple2.of(new String(record.key(), StandardCharsets.UTF_8), record.value()));
    }

    @Override
    public TypeInformation<Tuple2<String, byte[]>> getProducedType() {
      return TypeInformation.of(new TypeHint<>() {});
    }
  }

  private static final class Told
      implements KafkaRecordSerializationSchema<Tuple2<String, Integer>> {
    private final String topic = System.getenv("PEER_TOLD");

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
        Tuple2<String, Integer> told, KafkaSinkContext context, Long timestamp) {
      byte[] key = told.f0.getBytes(StandardCharsets.UTF_8);
      return new ProducerRecord<>(
          topic, key, ("{\"n\":" + told.f1 + "}").getBytes(StandardCharsets.UTF_8));
    }
  }

  private static StreamExecutionEnvironment environment(String id) {
    String folder = System.getenv("PEER_FOLDER");
    Configuration settings = new Configuration();
    settings.setString("state.backend.type", "hashmap");
    settings.setString("execution.checkpointing.storage", "filesystem");
    settings.setString("execution.checkpointing.dir", "file:" + folder + "/" + id);
    settings.setString("execution.checkpointing.interval", "100ms");
    settings.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
    settings.setString(
        "restart-strategy.type", "none"); // a job that fails is not to be counted twice
    settings.setString("pipeline.object-reuse", "true");
    settings.setString("io.tmp.dirs", folder);
    return StreamExecutionEnvironment.createLocalEnvironment(1, settings);
  }

  private static KafkaSource<Tuple2<String, byte[]>> source(String id) {
    return KafkaSource.<Tuple2<String, byte[]>>builder()
        .setBootstrapServers(System.getenv("PEER_BROKER"))
        .setTopics(System.getenv("PEER_ORDERS"))
        .setGroupId(id)
        .setClientIdPrefix(id)
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.latest())
        .setProperty("max.poll.records", "5000")
        .setDeserializer(new Orders())
        .build();
  }

  private static KafkaSink<Tuple2<String, Integer>> sink(String id) {
    return KafkaSink.<Tuple2<String, Integer>>builder()
        .setBootstrapServers(System.getenv("PEER_BROKER"))
        .setRecordSerializer(new Told())
        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .setTransactionalIdPrefix(id)
        .setProperty("transaction.timeout.ms", "60000")
        .setProperty("batch.size", String.valueOf(256 << 10))
        .setProperty("linger.ms", "5")
        .build();
  }

  public static void main(String[] arguments) throws Exception {
    int rounds = Integer.parseInt(System.getenv("PEER_ROUNDS"));
    for (int round = 0; round < rounds; round++) {
      String id = System.getenv("PEER_ID") + "-" + round;
      SEEN.set(0);
      StreamExecutionEnvironment environment = environment(id);
      environment
          .fromSource(source(id), WatermarkStrategy.noWatermarks(), "orders")
          .keyBy(order -> order.f0)
          .process(new Fold())
          .sinkTo(sink(id));
      JobClient job = environment.executeAsync("fold");
      sayHowMany(Long.parseLong(System.getenv("PEER_COUNT")));
      job.getJobExecutionResult().get();
    }
    System.exit(0); // threads of Flink's would keep the JVM
  }

  /** Prints how many orders were seen, and when, until all were. */
  private static void sayHowMany(long last) throws InterruptedException {
    for (long seen = 0; seen < last; ) {
      Thread.sleep(10);
      long now = SEEN.get();
      if (now > seen) {
        seen = now;
        System.out.printf("%d %.3f%n", seen, System.currentTimeMillis() / 1e3);
      }
    }
  }
}
