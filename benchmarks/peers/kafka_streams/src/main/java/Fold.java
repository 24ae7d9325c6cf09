import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The same orders in Kafka Streams: last time, count and sum of each customer in a store in memory,
 * and a word of every tenth order, exactly once. No window, no scores, no cache. Several rounds in
 * one JVM, each from the first order on: in the first one it is cold.
 */
public final class Fold extends ContextualProcessor<String, byte[], String, String> {
  private static final String STORE = "customers";
  private static final JsonFactory JSON = new JsonFactory();
  private static final AtomicLong SEEN = new AtomicLong();

  private KeyValueStore<String, Customer> customers;

  /** What is kept of a customer. Instants in ISO 8601 with one offset compare as text. */
  record Customer(String last, int count, double total) {
    static final Customer NOBODY = new Customer("", 0, 0);

    Customer with(String at, double amount) {
      return new Customer(at.compareTo(last) > 0 ? at : last, count + 1, total + amount);
    }

    byte[] toBytes() {
      byte[] text = last.getBytes(StandardCharsets.US_ASCII);
      return ByteBuffer.allocate(12 + text.length).putInt(count).putDouble(total).put(text).array();
    }

    static Customer of(byte[] bytes) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      int count = buffer.getInt();
      double total = buffer.getDouble();
      return new Customer(
          new String(bytes, 12, bytes.length - 12, StandardCharsets.US_ASCII), count, total);
    }
  }

  @Override
  public void init(ProcessorContext<String, String> context) {
    super.init(context);
    customers = context.getStateStore(STORE);
  }

  @Override
  public void process(Record<String, byte[]> order) {
    Customer before = customers.get(order.key());
    Customer now = add(before == null ? Customer.NOBODY : before, order.value());
    customers.put(order.key(), now);
    if (now.count() % 10 == 0) {
      context().forward(order.withValue("{\"n\":" + now.count() + "}"));
    }
    SEEN.incrementAndGet();
  }

  private static Customer add(Customer customer, byte[] order) {
    double amount = 0;
    String at = "";
    try (JsonParser parser = JSON.createParser(order)) {
      while (parser.nextToken() != null) {
        if (parser.currentToken() != JsonToken.FIELD_NAME) {
          continue;
        }
        String field = parser.currentName();
        parser.nextToken();
        switch (field) {
          case "amount" -> amount = Double.parseDouble(parser.getText());
          case "ts" -> at = parser.getText();
          default -> {}
        }
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    return customer.with(at, amount);
  }

  private static Topology topology() {
    Serde<Customer> serde =
        Serdes.serdeFrom(
            (topic, customer) -> customer == null ? null : customer.toBytes(),
            (topic, bytes) -> bytes == null ? null : Customer.of(bytes));
    // With caching, the changelog gets a customer once a commit and not once an order.
    StoreBuilder<KeyValueStore<String, Customer>> store =
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(STORE), Serdes.String(), serde)
            .withCachingEnabled()
            .withLoggingEnabled(Map.of());
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(store);
    builder.stream(System.getenv("PEER_ORDERS"), Consumed.with(Serdes.String(), Serdes.ByteArray()))
        .process(Fold::new, STORE)
        .to(System.getenv("PEER_TOLD"), Produced.with(Serdes.String(), Serdes.String()));
    return builder.build();
  }

  private static Properties settings(int round) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("PEER_ID") + "-" + round);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("PEER_BROKER"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("PEER_FOLDER"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 5_000);
    settings.put(StreamsConfig.producerPrefix("batch.size"), 256 << 10);
    settings.put(StreamsConfig.producerPrefix("linger.ms"), 5);
    return settings;
  }

  public static void main(String[] arguments) throws InterruptedException {
    int rounds = Integer.parseInt(System.getenv("PEER_ROUNDS"));
    for (int round = 0; round < rounds; round++) {
      SEEN.set(0);
      try (KafkaStreams streams = new KafkaStreams(topology(), settings(round))) {
        streams.start();
        sayHowMany(Long.parseLong(System.getenv("PEER_COUNT")));
        streams.close(Duration.ofSeconds(30));
      }
    }
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
