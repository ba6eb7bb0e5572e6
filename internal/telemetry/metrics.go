package telemetry

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those that are counted as things happen.
type metrics struct {
	jobs         *prometheus.CounterVec   // kind, outcome
	failures     *prometheus.CounterVec   // kind, reason
	jobTime      *prometheus.HistogramVec // kind
	running      *prometheus.GaugeVec     // kind
	stageTime    *prometheus.HistogramVec // stage
	stages       *prometheus.GaugeVec     // stage
	asked        *prometheus.CounterVec   // host, code
	received     *prometheus.CounterVec   // host
	waited       *prometheus.CounterVec   // host
	requests     *prometheus.CounterVec   // route, code
	requestTimes *prometheus.HistogramVec // route
}

// Buckets of histograms, in seconds.
var (
	longTimes  = []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 60, 90, 120, 180, 300, 600, 1800}
	shortTimes = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
)

func newMetrics() metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	times := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	return metrics{
		jobs: counter("detonaut_jobs_total",
			"Jobs that this process has ended, by kind and by what came of them: a verdict, known, done, failed, again, put_back, lost.", "kind", "outcome"),
		failures: counter("detonaut_job_failures_total",
			"Attempts that have failed, by kind and by what is said of it to those who asked.", "kind", "reason"),
		jobTime:   times("detonaut_job_duration_seconds", "How long jobs took, from their start to what came of them.", longTimes, "kind"),
		running:   gauge("detonaut_jobs_running", "Jobs that this process works at.", "kind"),
		stageTime: times("detonaut_stage_duration_seconds", "How long the stages of analyses took.", longTimes, "stage"),
		stages:    gauge("detonaut_stage_running", "Analyses that are in a stage.", "stage"),
		asked: counter("detonaut_registry_requests_total",
			"Requests to registries and to what they refer to, by host and status; a status of error got no answer.", "host", "code"),
		received: counter("detonaut_registry_received_bytes_total", "Bytes of bodies that came from registries.", "host"),
		waited: counter("detonaut_registry_wait_seconds_total",
			"Time that requests have waited so that registries are not asked too often.", "host"),
		requests:     counter("detonaut_http_requests_total", "Requests that the server has answered, by route and status.", "route", "code"),
		requestTimes: times("detonaut_http_request_duration_seconds", "How long the server took to answer.", shortTimes, "route"),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.jobs, m.failures, m.jobTime, m.running, m.stageTime, m.stages, m.asked, m.received, m.waited, m.requests, m.requestTimes}
}

func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "detonaut_build_info", Help: "Which build this is; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// Request counts a request that the server has answered. The route is that of the program which
// answered, never the path that was asked for; empty if there was none.
func (t *Telemetry) Request(route string, status int, took time.Duration) {
	if t == nil {
		return
	}
	if route == "" {
		route = "none"
	}
	t.m.requests.WithLabelValues(route, code(status)).Inc()
	t.m.requestTimes.WithLabelValues(route).Observe(took.Seconds())
}

// code is a status as a label: another may say whatever it likes, and is not to make a series of
// each.
func code(status int) string {
	switch {
	case http.StatusText(status) != "":
		return strconv.Itoa(status)
	case status >= 100 && status < 600:
		return strconv.Itoa(status/100) + "xx"
	default:
		return "other"
	}
}
