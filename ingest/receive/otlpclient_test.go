package receive

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// OpenTelemetry's own exporters speak to the receiver, and send again what the
// log did not take.
func TestOpenTelemetrysExporters(t *testing.T) {
	p := &recordingProducer{}
	flaky := &failsFirst{Producer: p}
	srv := httptest.NewServer(New(Config{Tokens: []string{"otel-token"}}, flaky, nil, zerolog.Nop()))
	defer srv.Close()
	ctx := context.Background()
	headers := map[string]string{"Authorization": "Bearer otel-token"}

	logExporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(srv.URL+"/v1/logs"), otlploghttp.WithHeaders(headers), otlploghttp.WithCompression(otlploghttp.GzipCompression))
	require.NoError(t, err)
	logs := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(logExporter)))
	var r log.Record
	r.SetBody(attribute.StringValue("GET /orders"))
	r.AddAttributes(attribute.String("user.id", "partner-7"))
	logs.Logger("gateway").Emit(ctx, r)
	require.NoError(t, logs.Shutdown(ctx))

	traceExporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(srv.URL+"/v1/traces"), otlptracehttp.WithHeaders(headers))
	require.NoError(t, err)
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(traceExporter))
	_, span := traces.Tracer("gateway").Start(ctx, "GET /orders")
	span.End()
	require.NoError(t, traces.Shutdown(ctx))

	require.Len(t, p.values, 2)
	require.Contains(t, p.values[0], `"body":{"stringValue":"GET /orders"}`)
	require.Contains(t, p.values[0], `{"key":"user.id","value":{"stringValue":"partner-7"}}`)
	require.Contains(t, p.values[1], `"traceId":"`+span.SpanContext().TraceID().String()+`"`)
	require.Contains(t, p.values[1], `"spanId":"`+span.SpanContext().SpanID().String()+`"`)
	require.True(t, strings.HasPrefix(p.values[1], `{"resourceSpans":[`))
	require.Equal(t, 3, flaky.calls, "the first request is sent again")
}
