package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Room is how full a worker is.
type Room struct {
	// Slots is how many analyses may compute at once, Computing how many do, and Waiting how many
	// want to. Images is how many may be under way.
	Slots, Computing, Waiting, Images int
	// Memory is what may be used, and Used what is, in bytes.
	Memory, Used int64
	// Pressure is the share of the last seconds in which something waited for memory, 0 to 1.
	Pressure float64
	// Shed is how many analyses were put back because memory became scarce; Closed is set while
	// none is begun because of that.
	Shed   uint64
	Closed bool
}

var (
	roomSlots     = prometheus.NewDesc("detonaut_room_compute_slots", "Analyses that may compute at once.", nil, nil)
	roomComputing = prometheus.NewDesc("detonaut_room_computing", "Analyses that compute.", nil, nil)
	roomWaiting   = prometheus.NewDesc("detonaut_room_waiting", "Analyses that wait for a slot to compute in.", nil, nil)
	roomImages    = prometheus.NewDesc("detonaut_room_images_limit", "Images that may be under way at once, as memory is now.", nil, nil)
	roomMemory    = prometheus.NewDesc("detonaut_room_memory_limit_bytes", "Memory that the worker may use.", nil, nil)
	roomUsed      = prometheus.NewDesc("detonaut_room_memory_used_bytes", "Memory that is used of it.", nil, nil)
	roomPressure  = prometheus.NewDesc("detonaut_room_memory_pressure_ratio", "Share of time in which something waited for memory, lately.", nil, nil)
	roomShed      = prometheus.NewDesc("detonaut_room_shed_total", "Analyses that were put back because memory became scarce.", nil, nil)
	roomClosed    = prometheus.NewDesc("detonaut_room_closed", "Whether no analysis is begun because memory is scarce.", nil, nil)
)

type roomCollector struct{ ask func() Room }

// Describe implements [prometheus.Collector].
func (roomCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{roomSlots, roomComputing, roomWaiting, roomImages, roomMemory, roomUsed, roomPressure, roomShed, roomClosed} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (c roomCollector) Collect(to chan<- prometheus.Metric) {
	r := c.ask()
	gauge := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(roomSlots, float64(r.Slots))
	gauge(roomComputing, float64(r.Computing))
	gauge(roomWaiting, float64(r.Waiting))
	gauge(roomImages, float64(r.Images))
	gauge(roomMemory, float64(r.Memory))
	gauge(roomUsed, float64(r.Used))
	gauge(roomPressure, r.Pressure)
	gauge(roomClosed, number(r.Closed))
	to <- prometheus.MustNewConstMetric(roomShed, prometheus.CounterValue, float64(r.Shed))
}
