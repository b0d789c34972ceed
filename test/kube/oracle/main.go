// client-go's own leader election on a Lease, as every controller uses it: what ours is compared with.
//
//	oracle KUBECONFIG NAMESPACE NAME IDENTITY DURATION DEADLINE RETRY (milliseconds)
//
// Prints "leads", "lost" and "holder X"; releases at the end of its standard input.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func ms(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return time.Duration(n) * time.Millisecond
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: os.Args[2], Name: os.Args[3]},
			Client:     coordination.NewForConfigOrDie(config),
			LockConfig: resourcelock.ResourceLockConfig{Identity: os.Args[4]},
		},
		ReleaseOnCancel: true,
		LeaseDuration:   ms(os.Args[5]), RenewDeadline: ms(os.Args[6]), RetryPeriod: ms(os.Args[7]),
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { fmt.Println("leads") },
			OnStoppedLeading: func() { fmt.Println("lost") },
			OnNewLeader:      func(holder string) { fmt.Println("holder " + holder) },
		},
	})
}
