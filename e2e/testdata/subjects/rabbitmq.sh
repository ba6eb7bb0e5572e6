start() { exec rabbitmq-server; }
ready() { rabbitmq-diagnostics -q check_port_connectivity; }
load() {
	rabbitmqctl add_user worker secret
	rabbitmqctl set_permissions worker '.*' '.*' '.*'
	rabbitmqctl add_vhost jobs
	rabbitmqctl list_queues
}
