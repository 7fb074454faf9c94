package kafka

// plainPartition is one partition as Produce writes to it.
type plainPartition struct{}
