module alertspawner/test/oracle/alertmanager

go 1.26

require (
	github.com/prometheus/alertmanager v0.28.1
	github.com/prometheus/common v0.61.0
)

require (
	github.com/kr/pretty v0.3.1 // indirect
	github.com/prometheus/client_model v0.6.1 // indirect
	google.golang.org/protobuf v1.35.2 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
)
